-- One lease in a hash: o owner, s since (ms), x end (ms), f fence, m label. Its fence outlives its owner.

-- Owner and what remains; nil when nobody holds it. Then the fence and whoever held it last.
local function holder(key)
  local v = redis.call('HMGET', key, 'o', 'x', 'f')
  local remaining = tonumber(v[2] or 0) - now
  local fence = tonumber(v[3] or 0)
  if v[1] and remaining > 0 then return v[1], remaining, fence, v[1] end
  return nil, 0, fence, v[1]
end

-- Asks for it: granted (1) or busy (0), fence, what remains.
local function ask(key, token, ttl, label)
  local owner, remaining, fence = holder(key)
  if owner then return owner == token and 1 or 0, fence, remaining end
  fence = math.max(fence + 1, us)
  ttl = tonumber(ttl)
  redis.call('HSET', key, 'o', token, 's', now, 'x', now + ttl, 'f', fence, 'm', label or '')
  redis.call('PEXPIRE', key, ttl + LINGER)
  return 1, fence, ttl
end

-- Frees it; the fence stays for a while.
local function clear(key, more)
  redis.call('HDEL', key, 'o', 's', 'x', 'm', more or 'm')
  redis.call('PEXPIRE', key, LINGER)
end
