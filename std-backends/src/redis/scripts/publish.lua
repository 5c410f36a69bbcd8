-- KEYS value, flight, line; ARGV token, not_after, ttl (0: for ever), bytes
if late(ARGV[2]) then return {-1, now} end
local flight = read(KEYS[2])
if flight.owner ~= ARGV[1] then return {0, now} end
if ARGV[3] == '0' then
  redis.call('SET', KEYS[1], ARGV[4])
else
  -- the server drops a key when its end has passed, the rules when it is reached
  redis.call('SET', KEYS[1], ARGV[4], 'PX', math.max(1, ARGV[3] - 1))
end
clear(KEYS[2], KEYS[3], flight, '', true, nil, true)
return {1, now}
