-- KEYS run, line; ARGV token, member, how long to keep the marker
local run, marker = read(KEYS[1]), tonumber(ARGV[3])
local owner = run.owner
local held = owner == ARGV[1]
local has_left = leave(KEYS[2], run, ARGV[2])
if run.last == ARGV[1] then clear(KEYS[1], KEYS[2], run, held and marker > 0 and marker or nil) end
-- a marker is news for everybody who waits
if owner == NOBODY or held then pass_on(KEYS[2], run, has_left, held and marker > 0) end
return {held and 1 or 0, now}
