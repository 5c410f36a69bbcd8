-- KEYS run, line; ARGV token, ttl, not_after, member, arrived, whether it will wait, label
if late(ARGV[3]) then return {-1, 0, 0, 0, now, 0} end
local run = read(KEYS[1])
if run.owner == MARKER then return {2, 0, run.ends - now, 0, now, 0} end
return ask(KEYS[1], KEYS[2], run, ARGV[7], true)
