-- KEYS value, flight, line; ARGV token, ttl, not_after, member, arrived, whether it will wait, bytes to be taken for a miss
if late(ARGV[3]) then return {-1, 0, 0, 0, now, 0} end
local value = redis.call('GET', KEYS[1])
if value and value ~= ARGV[7] then return {3, 0, 0, 0, now, 0, value} end
return ask(KEYS[2], KEYS[3], read(KEYS[2]), '', false)
