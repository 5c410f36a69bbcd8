-- KEYS slots, holders, waiters; ARGV token
local index, remaining = permit(KEYS[1], KEYS[2], ARGV[1])
if index then
  free(KEYS[1], KEYS[2], index)
  keep(KEYS[1], KEYS[2], 0)
end
-- also a stranger passes on: it may have taken a message and then been cancelled
if in_use(KEYS[1]) < tonumber(redis.call('HGET', KEYS[2], 'n') or 1) then notify(KEYS[3], false) end
return {remaining > 0 and 1 or 0, now}
