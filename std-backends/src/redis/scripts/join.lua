-- KEYS value, flight, waiters; ARGV token, ttl, not_after, inbox, arrived, bytes to be taken for a miss
if late(ARGV[3]) then return {-1, 0, 0, 0, now, 0} end
local value = redis.call('GET', KEYS[1])
if value and value ~= ARGV[6] then return {3, 0, 0, 0, now, 0, value} end
local code, fence, remaining = ask(KEYS[2], ARGV[1], ARGV[2])
local arrived = 0
if code == 0 then arrived = wait(KEYS[3], ARGV[4], ARGV[5], remaining) end
return {code, fence, remaining, 0, now, arrived}
