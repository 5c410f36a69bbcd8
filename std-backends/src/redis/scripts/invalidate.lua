-- KEYS value, flight, waiters; whether there was a value. A flight under way loses its right to store.
local had = redis.call('DEL', KEYS[1])
if holder(KEYS[2]) then clear(KEYS[2]) end
notify(KEYS[3], true)
return had
