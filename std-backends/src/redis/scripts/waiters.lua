-- Waiters of one key: inbox channel -> time of arrival. A message is the key's name, which is the set's without `:q`.

-- Enters an inbox, at its first arrival if it has waited before.
local function wait(q, inbox, arrived, remaining)
  arrived = tonumber(arrived)
  if arrived == 0 then arrived = us end
  if inbox ~= '' then
    redis.call('ZADD', q, 'NX', arrived, inbox)
    redis.call('PEXPIRE', q, math.max(redis.call('PTTL', q), remaining + LINGER))
  end
  return arrived
end

-- Takes the first inbox out and writes to it. Nobody listens there any more: the next one.
local function notify(q, all)
  while true do
    local first = redis.call('ZPOPMIN', q)
    if #first == 0 then return end
    if redis.call('PUBLISH', first[1], string.sub(q, 1, -3)) > 0 and not all then return end
  end
end
