-- KEYS lease or run, waiters; whether anybody held it or a marker was kept
local owner = holder(KEYS[1])
local marked = tonumber(redis.call('HGET', KEYS[1], 'd') or 0) > now
if not owner and not marked then return 0 end
clear(KEYS[1], 'd')
notify(KEYS[2], false)
return 1
