-- KEYS slots, holders, line; ARGV token, ttl, not_after, member, arrived, whether it will wait, size
if late(ARGV[3]) then return {-1, 0, 0, 0, now, 0} end
local slots, holders, q, token, me = KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[4]
local ttl, size = tonumber(ARGV[2]), tonumber(ARGV[7])
local pool = read(holders, token)
if pool.index then
  local rest = remaining(slots, pool.index)
  if rest > 0 then return {1, tonumber(pool.granted), rest, tonumber(pool.index), now, 0} end
  -- one that ended
  free(slots, holders, token, pool.index)
end
local index = lowest(slots, holders)
-- where pools of one name have many sizes, some indices are beyond this one's
local held = (pool.waited or pool.count > size) and in_use(slots)
local is_free = index and tonumber(index) < size or not index and pool.count < size
if held and held >= size then is_free = false end
local l, _, turn, has_left = pool.waited and line(q), nil, nil, false
if l then _, turn = l.survey(me) end
if is_free and (not l or l.may_take(me, ARGV[5], size, held)) then
  if not index then
    index = string.format('%.0f', pool.count)
    redis.call('HSET', holders, 'c', pool.count + 1, 'v', LONG .. LAYOUT)
  end
  local fence = math.max(pool.fence + 1, us)
  -- that a pool shrinks is believed once nobody waits
  local limit = l and math.max(pool.size, size) or size
  redis.call('HSET', holders, 'f', fence, 'n', limit, 't:' .. token, string.format('%s %.0f', index, fence), 'i:' .. index, token)
  redis.call('ZADD', slots, now + ttl, index)
  local lasts = outlive(slots, holders, pool, ttl)
  if lasts ~= pool.ends then redis.call('HSET', holders, 'e', lasts) end
  if l then
    -- whose turns were over may have left more than this one
    has_left = l.leave(me)
    l.survey()
    l.call(held + 1, limit, has_left)
  end
  return {1, fence, ttl, tonumber(index), now, 0}
end
local rest = turn
if not is_free then
  local next_end = redis.call('ZRANGEBYSCORE', slots, string.format('(%.0f', now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  rest = tonumber(next_end[2] or now) - now
end
local arrived, limit = 0, math.max(pool.size, size)
if ARGV[6] == '1' then
  arrived = (l or line(q)).stand(me, ARGV[5], rest)
  if arrived > 0 and not (l and pool.size == limit) then redis.call('HSET', holders, 'w', 1, 'n', limit) end
elseif l then
  has_left = l.leave(me)
end
-- for whoever is before this one, or can use what it cannot
if l and held < limit then
  l.survey()
  l.call(held, limit, has_left)
end
return {0, 0, rest, 0, now, arrived}
