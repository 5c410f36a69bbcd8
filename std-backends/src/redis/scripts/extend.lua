-- KEYS slots, holders; ARGV token, ttl, not_after
if late(ARGV[3]) then return {-1, now} end
local index, remaining = permit(KEYS[1], KEYS[2], ARGV[1])
if remaining <= 0 then return {0, now} end
local ttl = tonumber(ARGV[2])
-- first: a full server lets a script write whose first write takes no memory
outlive(KEYS[1], KEYS[2], ttl)
redis.call('ZADD', KEYS[1], now + ttl, index)
return {1, now}
