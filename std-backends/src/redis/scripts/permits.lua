-- One pool. A sorted set has every index that was ever held: with its end (ms) while it is held, with
-- `index - FREE` once it is free, so that the lowest free index comes first. A hash has t:<token> -> index,
-- i:<index> -> token, g:<index> -> its fence, f the pool's last fence, n its size.
local FREE = 2147483648
-- A value this long makes the server keep the hash as a table from the first; its packed list is scanned at each use,
-- and a permit would cost the more the more are held.
local LONG = string.rep('0', 64)

-- An index nobody holds any more.
local function free(slots, holders, index)
  local token = redis.call('HGET', holders, 'i:' .. index)
  if token then redis.call('HDEL', holders, 't:' .. token, 'i:' .. index, 'g:' .. index) end
  redis.call('ZADD', slots, index - FREE, index)
end

-- Frees what has ended, a share of it where very many end at once: the server does nothing else meanwhile.
local function sweep(slots, holders)
  for _, index in ipairs(redis.call('ZRANGEBYSCORE', slots, 0, now, 'LIMIT', 0, 200)) do free(slots, holders, index) end
end

local function in_use(slots)
  return redis.call('ZCOUNT', slots, string.format('(%.0f', now), '+inf')
end

-- The index a token holds, and what remains of it.
local function permit(slots, holders, token)
  local index = redis.call('HGET', holders, 't:' .. token)
  if not index then return nil, 0 end
  local remaining = tonumber(redis.call('ZSCORE', slots, index) or 0) - now
  return index, remaining
end

-- Both records end together, after the last permit.
local function outlive(slots, holders, ttl)
  local ends = math.max(ttl + LINGER, redis.call('PTTL', slots))
  redis.call('PEXPIRE', slots, ends)
  redis.call('PEXPIRE', holders, ends)
end

-- The same, put off now and then.
local function keep(slots, holders, ttl)
  if redis.call('PTTL', slots) < ttl + LINGER * 0.9 then outlive(slots, holders, ttl) end
end
