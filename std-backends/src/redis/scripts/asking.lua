-- Asks for it: code (1 granted, 0 busy), fence, what remains, no index, the time, when the asker came.
-- ARGV token, ttl, not_after, member, arrived, whether it will wait; in turn, unless everybody is told at once.
local function ask(key, q, lease, label, in_turn)
  local token, ttl, me = ARGV[1], tonumber(ARGV[2]), ARGV[4]
  local remaining, l, is_kept = lease.ends - now, lease.waited and line(q), false
  if lease.owner == token then return {1, lease.fence, remaining, 0, now, 0} end
  if lease.owner == NOBODY then
    local turn
    if in_turn and l then is_kept, turn = l.survey(me) end
    lease.waited = lease.waited and (is_kept or not in_turn)
    if not is_kept or l.may_take(me, ARGV[5], 1, 0) then
      if l then l.leave(me) end
      lease.owner, lease.since, lease.ends, lease.label = token, now, now + ttl, label
      lease.fence = math.max(lease.fence + 1, us)
      redis.call('SET', key, text(lease), 'PX', ttl + LINGER)
      bless(key)
      return {1, lease.fence, ttl, 0, now, 0}
    end
    remaining = turn
  end
  local arrived, has_left = 0, false
  if ARGV[6] == '1' then
    l = l or line(q)
    arrived = l.stand(me, ARGV[5], remaining)
    if arrived > 0 and not lease.waited then
      lease.waited = true
      redis.call('SET', key, text(lease), 'KEEPTTL')
      bless(key)
    end
  elseif l then
    has_left = l.leave(me)
  end
  -- a lease that ended has called nobody
  if is_kept then l.call(0, 1, has_left) end
  return {0, lease.fence, remaining, 0, now, arrived}
end
