-- How a lease is kept alive, or ends.

-- Writes what is kept alive, or given back. A full server refuses a script whose first write takes memory, and lets one
-- pass that has written: this one begins with a write that takes none.
local function keep(key, lease, lasts)
  local value = text(lease)
  if redis.pcall('SET', key, value, 'PX', lasts).err then
    redis.call('PEXPIRE', key, lasts)
    redis.call('SET', key, value, 'PX', lasts)
  end
  if lease.owner ~= NOBODY then bless(key) end
end

-- Ends it, or leaves a marker that ends then, if it was this token's; and if nobody else has it, calls the next one, or tells
-- all who wait. One who may stand in line leaves it.
local function clear(key, q, lease, me, is_free, marker, to_all)
  local l, has_left
  if lease.waited then
    l = line(q)
    has_left = l.leave(me)
    lease.waited = l.survey()
  end
  if is_free then
    lease.owner, lease.since, lease.label = marker and MARKER or NOBODY, now, ''
    lease.ends = now + (marker or 0)
    keep(key, lease, (marker or 0) + LINGER)
  end
  -- also a stranger passes on: it may have been called, and goes
  if not lease.waited or lease.owner ~= NOBODY and not marker then return end
  if to_all then l.clear() else l.call(0, 1, has_left) end
end
