-- KEYS value, flight, line; ARGV not_after, ttl (0: for ever), bytes. A flight under way loses its right to store.
if late(ARGV[1]) then return {-1, now} end
local flight = read(KEYS[2])
if ARGV[2] == '0' then
  redis.call('SET', KEYS[1], ARGV[3])
else
  -- the server drops a key when its end has passed, the rules when it is reached
  redis.call('SET', KEYS[1], ARGV[3], 'PX', math.max(1, ARGV[2] - 1))
end
clear(KEYS[2], KEYS[3], flight, '', flight.owner ~= NOBODY, nil, true)
return {1, now}
