-- KEYS run, waiters; ARGV token, ttl, not_after, inbox, arrived, label
if late(ARGV[3]) then return {-1, 0, 0, 0, now, 0} end
local kept = tonumber(redis.call('HGET', KEYS[1], 'd') or 0) - now
if kept > 0 then return {2, 0, kept, 0, now, 0} end
local code, fence, remaining = ask(KEYS[1], ARGV[1], ARGV[2], ARGV[6])
local arrived = 0
if code == 0 then arrived = wait(KEYS[2], ARGV[4], ARGV[5], remaining) end
return {code, fence, remaining, 0, now, arrived}
