-- KEYS lease; ARGV token, ttl, not_after
if late(ARGV[3]) then return {-1, now} end
local lease, ttl = read(KEYS[1]), tonumber(ARGV[2])
if lease.owner ~= ARGV[1] then return {0, now} end
lease.ends = now + ttl
keep(KEYS[1], lease, ttl + LINGER)
return {1, now}
