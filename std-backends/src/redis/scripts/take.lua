-- KEYS slots, holders, waiters; ARGV token, ttl, not_after, inbox, arrived, size
if late(ARGV[3]) then return {-1, 0, 0, 0, now, 0} end
local slots, holders, token, ttl = KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[2])
sweep(slots, holders)
local index, remaining = permit(slots, holders, token)
if index and remaining <= 0 then
  -- one that ended, and that the sweep has left
  free(slots, holders, index)
  index = nil
end
if index then
  return {1, tonumber(redis.call('HGET', holders, 'g:' .. index)), remaining, tonumber(index), now, 0}
end
local lowest = redis.call('ZRANGE', slots, 0, 0, 'WITHSCORES')
local is_free = lowest[1] and tonumber(lowest[2]) < 0
-- without a free one, all that were ever held still are
local held = is_free and in_use(slots) or redis.call('ZCARD', slots)
if held >= tonumber(ARGV[6]) then
  local first = redis.call('ZRANGEBYSCORE', slots, now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  local ends = tonumber(first[2] or now) - now
  return {0, 0, ends, 0, now, wait(KEYS[3], ARGV[4], ARGV[5], ends)}
end
index = is_free and lowest[1] or string.format('%.0f', held)
local fence = math.max(tonumber(redis.call('HGET', holders, 'f') or 0) + 1, us)
redis.call('HSET', holders, 'f', fence, 'n', LONG .. ARGV[6], 't:' .. token, index, 'i:' .. index, token, 'g:' .. index, fence)
redis.call('ZADD', slots, now + ttl, index)
keep(slots, holders, ttl)
return {1, fence, ttl, tonumber(index), now, 0}
