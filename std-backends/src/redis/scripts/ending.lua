-- How a lease is kept alive, or ends.

-- Writes what is kept alive, or given back. A full server refuses a script whose first write takes memory, and lets one
-- pass that has written: this one begins with a write that takes none.
local function keep(key, lease, lasts)
  local value = text(lease)
  if redis.pcall('SET', key, value, 'PX', lasts).err then
    redis.call('PEXPIRE', key, lasts)
    redis.call('SET', key, value, 'PX', lasts)
  end
end

-- Ends it, or leaves a marker that ends then; whoever waits is called, or told, by the caller.
local function clear(key, q, lease, marker)
  lease.waited = lease.waited and redis.call('EXISTS', q) == 1
  lease.owner, lease.since, lease.label = marker and MARKER or NOBODY, now, ''
  lease.ends = now + (marker or 0)
  keep(key, lease, (marker or 0) + LINGER)
end

-- The next one's turn, or news for everybody who waits; whether one has just left the line.
local function pass_on(q, lease, has_left, to_all)
  if not lease.waited then return end
  local l = line(q)
  if to_all then l.clear() else l.call(l.survey(), 0, 1, has_left) end
end

-- Leaves the line, for one who may stand there; whether it did.
local function leave(q, lease, me)
  return lease.waited and me ~= '' and redis.call('ZREM', q, me) == 1
end
