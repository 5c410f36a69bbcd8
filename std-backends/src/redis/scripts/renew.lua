-- KEYS lease; ARGV token, ttl, not_after
if late(ARGV[3]) then return {-1, now} end
if holder(KEYS[1]) ~= ARGV[1] then return {0, now} end
-- first: a full server lets a script write whose first write takes no memory
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[2]) + LINGER)
redis.call('HSET', KEYS[1], 'x', now + tonumber(ARGV[2]))
return {1, now}
