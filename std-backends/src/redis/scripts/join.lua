-- KEYS value, flight, line; ARGV token, ttl, not_after, member, arrived, whether it will wait, window (ms; -1: no value counts),
-- bytes to be taken for a miss, how long a value may be. Code 3: a value fresh for longer than the window; 4: one that is not,
-- which another loads again; 5: one that is too long, of which no more is read than shows that.
if late(ARGV[3]) then return {-1, 0, 0, 0, now, 0} end
local room, window, is_stale = tonumber(ARGV[9] or ''), tonumber(ARGV[7]), false
local value = room and redis.call('GETRANGE', KEYS[1], 0, room) or redis.call('GET', KEYS[1])
if value == '' then value = false end
if value and room and #value > room then return {5, 0, 0, 0, now, 0} end
if value and value ~= ARGV[8] and window >= 0 then
  -- it was told to live for a millisecond less than it is fresh
  local left = window > 0 and redis.call('PTTL', KEYS[1]) or -1
  if left == -1 or left >= window then return {3, 0, 0, 0, now, 0, value} end
  -- who has a value does not wait for the next one
  is_stale, ARGV[6] = true, '0'
end
local reply = ask(KEYS[2], KEYS[3], read(KEYS[2]), '', false)
if is_stale and reply[1] == 0 then return {4, 0, 0, 0, now, 0, value} end
return reply
