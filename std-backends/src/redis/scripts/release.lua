-- KEYS lease, line; ARGV token, member, whether everybody is told
local lease = read(KEYS[1])
local owner = lease.owner
local has_left = leave(KEYS[2], lease, ARGV[2])
-- too late is lost, but still clears
if lease.last == ARGV[1] then clear(KEYS[1], KEYS[2], lease) end
-- also a stranger passes on: it may have been called, and goes
if owner == NOBODY or owner == ARGV[1] then pass_on(KEYS[2], lease, has_left, ARGV[3] == '1') end
return {owner == ARGV[1] and 1 or 0, now}
