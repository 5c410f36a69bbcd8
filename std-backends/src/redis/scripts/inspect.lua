-- KEYS lease or run, waiters; what remains of it or of its marker, 0 if neither is there
local owner, remaining = holder(KEYS[1])
if owner then return remaining end
return math.max(0, tonumber(redis.call('HGET', KEYS[1], 'd') or 0) - now)
