-- KEYS run, waiters; ARGV token, how long to keep the marker d
local owner, _, _, last = holder(KEYS[1])
if last == ARGV[1] then clear(KEYS[1]) end
local keep = tonumber(ARGV[2])
if owner == ARGV[1] and keep > 0 then
  redis.call('HSET', KEYS[1], 'd', now + keep)
  redis.call('PEXPIRE', KEYS[1], keep + LINGER)
end
-- a marker is news for everybody who waits
if not owner or owner == ARGV[1] then notify(KEYS[2], keep > 0) end
return {owner == ARGV[1] and 1 or 0, now}
