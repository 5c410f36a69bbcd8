-- KEYS slots, holders; ARGV token, ttl, not_after
if late(ARGV[3]) then return {-1, now} end
local pool, ttl = read(KEYS[2], ARGV[1]), tonumber(ARGV[2])
if not pool.index or remaining(KEYS[1], pool.index) <= 0 then return {0, now} end
-- first: a full server lets a script write whose first write takes no memory
local ends = outlive(KEYS[1], KEYS[2], pool, ttl, true)
redis.call('HSET', KEYS[2], 'e', ends)
redis.call('ZADD', KEYS[1], now + ttl, pool.index)
return {1, now}
