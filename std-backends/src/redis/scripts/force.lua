-- KEYS lease or run, line; whether anybody held it or a marker was kept
local lease = read(KEYS[1])
if lease.owner == NOBODY then return 0 end
clear(KEYS[1], KEYS[2], lease, '', true)
return 1
