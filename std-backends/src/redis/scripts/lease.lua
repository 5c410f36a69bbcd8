-- One lease in a string, so that it is read and written by one command: layout, owner, since (ms), end (ms), fence, whether
-- anybody may wait, label. Its fence outlives its owner.
local FORM = '>c1c32dddB'
local LENGTH = 58

-- Owners that are none: it is free; a run is done, and its marker is kept until the end.
local NOBODY, MARKER = '--------------------------------', '++++++++++++++++++++++++++++++++'

local function read(key)
  local text = redis.call('GET', key)
  if not text then return {owner = NOBODY, last = NOBODY, since = 0, ends = 0, fence = 0, waited = false, label = ''} end
  same_layout(string.sub(text, 1, 1), #text >= LENGTH)
  local _, last, since, ends, fence, waited = struct.unpack(FORM, text)
  local lease = {last = last, since = since, ends = ends, fence = fence, waited = waited == 1}
  lease.owner, lease.label = ends > now and last or NOBODY, string.sub(text, LENGTH + 1)
  return lease
end

local function text(lease)
  local waited = lease.waited and 1 or 0
  return struct.pack(FORM, LAYOUT, lease.owner, lease.since, lease.ends, lease.fence, waited) .. lease.label
end
