-- KEYS lease or run, waiters; how many hold it (a marker counts), what remains, fence, for how long it is held (ms, -1 for
-- a marker or nobody), how many processes wait
local owner, remaining, fence = holder(KEYS[1])
local waiting = redis.call('ZCARD', KEYS[2])
if owner then
  local since = tonumber(redis.call('HGET', KEYS[1], 's') or now)
  return {1, remaining, fence, math.max(0, now - since), waiting}
end
local kept = tonumber(redis.call('HGET', KEYS[1], 'd') or 0) - now
if kept > 0 then return {1, kept, 0, -1, waiting} end
return {0, 0, 0, -1, waiting}
