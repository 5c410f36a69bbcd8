-- One pool. A sorted set has every index that was ever held: with its end (ms) while it is held, with -1 - index once it
-- is free, so that downwards from now come those that ended, and then the lowest free one. A hash has t:<token> ->
-- "index fence", i:<index> -> token, f the pool's last fence, c how many indices there are, n its size, w if anybody may
-- wait, e when both records end (ms), v the layout.
-- A value this long makes the server keep the hash as a table from the first; its packed list is scanned at each use,
-- and a permit would cost the more the more are held.
local LONG = string.rep('0', 64)

-- What is known of a pool, and of the permit of one token.
local function read(holders, token)
  local v = redis.call('HMGET', holders, 'v', 't:' .. token, 'f', 'c', 'n', 'w', 'e')
  if v[1] then same_layout(string.sub(v[1], #LONG + 1)) end
  local pool = {count = tonumber(v[4] or 0), size = tonumber(v[5] or 1), waited = v[6] and true or false}
  pool.fence, pool.ends = tonumber(v[3] or 0), tonumber(v[7] or 0)
  if v[2] then pool.index, pool.granted = string.match(v[2], '^(%d+) (%d+)$') end
  return pool
end

local function in_use(slots)
  return redis.call('ZCOUNT', slots, string.format('(%.0f', now), '+inf')
end

-- What remains of the permit of that index.
local function remaining(slots, index)
  return tonumber(redis.call('ZSCORE', slots, index) or 0) - now
end

-- An index nobody holds any more. First the write that takes no memory, for a full server.
local function free(slots, holders, token, index)
  redis.call('HDEL', holders, 't:' .. token, 'i:' .. index)
  redis.call('ZADD', slots, -1 - index, index)
end

-- The lowest free index, if any is free. Those that ended are freed, a share of them where very many end at once: the
-- server does nothing else meanwhile.
local function lowest(slots, holders)
  local first = redis.call('ZREVRANGEBYSCORE', slots, now, '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if not first[1] or tonumber(first[2]) < 0 then return first[1] end
  for _, index in ipairs(redis.call('ZRANGEBYSCORE', slots, 0, now, 'LIMIT', 0, 200)) do
    free(slots, holders, redis.call('HGET', holders, 'i:' .. index) or '', index)
  end
  return redis.call('ZREVRANGEBYSCORE', slots, '(0', '-inf', 'LIMIT', 0, 1)[1]
end

-- Both records outlive what lasts so long, which is put off now and then; when they end.
local function outlive(slots, holders, pool, ttl, always)
  local ends = now + ttl + LINGER
  if not always and pool.ends >= ends - LINGER / 10 then return pool.ends end
  ends = math.max(ends, pool.ends)
  redis.call('PEXPIRE', slots, ends - now)
  redis.call('PEXPIRE', holders, ends - now)
  bless(slots)
  bless(holders)
  return ends
end
