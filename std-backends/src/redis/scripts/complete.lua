-- KEYS run, line; ARGV token, member, how long to keep the marker
local run, marker = read(KEYS[1]), tonumber(ARGV[3])
local is_held = run.owner == ARGV[1]
marker = is_held and marker > 0 and marker or nil
-- a marker is news for everybody who waits
clear(KEYS[1], KEYS[2], run, ARGV[2], run.last == ARGV[1], marker, marker)
return {is_held and 1 or 0, now}
