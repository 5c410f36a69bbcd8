-- KEYS lease, line; ARGV token, ttl, not_after, member, arrived, whether it will wait, label
if late(ARGV[3]) then return {-1, 0, 0, 0, now, 0} end
return ask(KEYS[1], KEYS[2], read(KEYS[1]), ARGV[7], true)
