-- KEYS value, flight, waiters; ARGV token, not_after, ttl (0: for ever), bytes
if late(ARGV[2]) then return {-1, now} end
if holder(KEYS[2]) ~= ARGV[1] then return {0, now} end
if ARGV[3] == '0' then
  redis.call('SET', KEYS[1], ARGV[4])
else
  redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[3])
end
clear(KEYS[2])
notify(KEYS[3], true)
return {1, now}
