-- KEYS lease or run, line; how many hold it (a marker counts), what remains, fence, for how long it is held (ms, -1 for a
-- marker or nobody), how many wait, label
local lease = read(KEYS[1])
local waiting = redis.call('ZCARD', KEYS[2])
if lease.owner == NOBODY then return {0, 0, 0, -1, waiting, ''} end
if lease.owner == MARKER then return {1, lease.ends - now, 0, -1, waiting, ''} end
return {1, lease.ends - now, lease.fence, math.max(0, now - lease.since), waiting, lease.label}
