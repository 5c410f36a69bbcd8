-- KEYS slots, holders; ARGV token, ttl, not_after
if late(ARGV[3]) then return {-1, now} end
local index, remaining = permit(KEYS[1], KEYS[2], ARGV[1])
if remaining <= 0 then return {0, now} end
local ttl = tonumber(ARGV[2])
redis.call('ZADD', KEYS[1], now + ttl, index)
keep(KEYS[1], KEYS[2], ttl)
return {1, now}
