-- KEYS slots, holders, line; ARGV token, member
local pool, rest = read(KEYS[2], ARGV[1]), 0
if pool.index then
  rest = remaining(KEYS[1], pool.index)
  free(KEYS[1], KEYS[2], ARGV[1], pool.index)
end
-- also a stranger passes on: it may have been called, and goes
if pool.waited then
  local l = line(KEYS[3])
  local has_left = l.leave(ARGV[2])
  pool.waited = l.survey()
  l.call(in_use(KEYS[1]), pool.size, has_left)
  if not pool.waited then redis.call('HDEL', KEYS[2], 'w') end
end
return {rest > 0 and 1 or 0, now}
