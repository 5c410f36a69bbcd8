-- KEYS value, flight, line; whether there was a value. A flight under way loses its right to store.
local had = redis.call('DEL', KEYS[1])
local flight = read(KEYS[2])
clear(KEYS[2], KEYS[3], flight, '', flight.owner ~= NOBODY, nil, true)
return had
