-- The server's time, once per script: `us` in microseconds, `now` in milliseconds. Numbers stay below 2^53.
local t = redis.call('TIME')
local us = t[1] * 1000000 + t[2]
local now = math.floor(us / 1000)
-- How long a record outlives its right, so that fences grow and a small step back of the clock does no harm.
local LINGER = 60000
-- How records are written. What is written otherwise is another release's, or another program's, and is left alone.
local LAYOUT = '1'

local function same_layout(layout, is_whole)
  if layout ~= LAYOUT or is_whole == false then error('cachify: another layout') end
end

-- A command that comes after its sender gave up must not take anything.
local function late(not_after)
  not_after = tonumber(not_after)
  return not_after > 0 and now > not_after
end

-- The server is not to drop what lies there when it is full, where it can be told so. Whoever may not say it goes on.
local function bless(key)
  if BLESS then redis.pcall('BLESS', 'SET', key, 'NO-EVICT') end
end
