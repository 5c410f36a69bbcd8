-- KEYS value, flight, line; whether there was a value. A flight under way loses its right to store.
local had = redis.call('DEL', KEYS[1])
local flight = read(KEYS[2])
if flight.owner ~= NOBODY then clear(KEYS[2], KEYS[3], flight) end
pass_on(KEYS[3], flight, false, true)
return had
