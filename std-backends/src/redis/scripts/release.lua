-- KEYS lease, waiters; ARGV token, whether to wake all
local owner, _, _, last = holder(KEYS[1])
-- too late is lost, but still clears
if last == ARGV[1] then clear(KEYS[1]) end
-- also a stranger passes on: it may have taken a message and then been cancelled
if not owner or owner == ARGV[1] then notify(KEYS[2], ARGV[2] == '1') end
return {owner == ARGV[1] and 1 or 0, now}
