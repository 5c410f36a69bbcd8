-- KEYS lease, line; ARGV token, member, whether everybody is told
local lease = read(KEYS[1])
local is_held = lease.owner == ARGV[1]
-- too late is lost, but still clears
clear(KEYS[1], KEYS[2], lease, ARGV[2], lease.last == ARGV[1], nil, ARGV[3] == '1')
return {is_held and 1 or 0, now}
