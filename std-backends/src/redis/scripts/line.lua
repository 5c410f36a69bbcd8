-- The line of one key, in order of arrival: a sorted set of `token size inbox`, the size being how many permits its pool
-- has. A score is when it came (us); while it is called, minus the time (ms) when its turn ends.
--
-- What becomes free belongs to the one who has waited longest: it is called, and until it asks or its turn is over,
-- nobody takes it who came later. Another waiter sets a timer, for the called one may be asleep.
--
-- Made only where somebody waits: most scripts need none of it. What it says is how the line was when it was looked at.
local function line(q)
  -- For how long what is free is kept for the one who was called.
  local TURN = 1000
  -- How far a line is searched for somebody who can use what is free, where pools of one name have many sizes.
  local FAR = 1000
  local called, waiting, turn, is_all

  -- Who stands there; what nobody of ours wrote is taken out.
  local function place(member, score)
    local size_ends = string.find(member, ' ', 34, true)
    if not size_ends or not tonumber(string.sub(member, 34, size_ends - 1)) then
      redis.call('ZREM', q, member)
      return
    end
    return {
      member = member,
      at = tonumber(score),
      token = string.sub(member, 1, 32),
      size = tonumber(string.sub(member, 34, size_ends - 1)),
      inbox = string.sub(member, size_ends + 1),
    }
  end

  -- To the inbox of a process; in a cluster one that lies where the key does.
  local function publish(inbox, text)
    return redis.pcall(string.find(inbox, '{', 1, true) and 'SPUBLISH' or 'PUBLISH', inbox, text)
  end

  -- A message to whoever stands there, about the key, whose name is the set's without `:q`: `!` it is your turn, `?` set a
  -- timer for the one whose turn it is. Who has no inbox asks by itself; where nobody listens any more is nobody.
  local function tell(mark, who)
    if who.inbox == '' then return true end
    local heard = publish(who.inbox, mark .. who.token .. ' ' .. who.size .. ' ' .. string.sub(q, 1, -3))
    -- a user who may not tell it leaves it to its own timer
    if type(heard) == 'table' or heard > 0 then return true end
    redis.call('ZREM', q, who.member)
    who.is_gone = true
  end

  -- Takes everybody out, or all of some processes, and tells each process once that they are to ask again.
  local function clear(only)
    local told = {}
    for _, member in ipairs(redis.call('ZRANGE', q, 0, -1)) do
      local who = place(member)
      if who and (not only or only[who.inbox]) then
        if only then redis.call('ZREM', q, member) end
        if who.inbox ~= '' and not told[who.inbox] then
          told[who.inbox] = true
          publish(who.inbox, '*' .. string.sub(q, 1, -3))
        end
      end
    end
    if not only then redis.call('DEL', q) end
  end

  -- Looks who is called and who waits first. Takes out whose turn is over, but for the asker: it sleeps, and all of its
  -- process with it. If it does not, they stand again where they stood. Whether anybody is there, and for how long the
  -- first turn lasts.
  local function survey(me)
    called, waiting, turn, is_all = {}, {}, TURN, true
    local seen = redis.pcall('ZRANGE', q, 0, 15, 'WITHSCORES')
    -- another program's: as if nobody stood there
    if seen.err then return false, turn end
    is_all = #seen < 32
    if not is_all and tonumber(seen[32]) < 0 then
      seen = redis.call('ZRANGEBYSCORE', q, '-inf', '(0', 'WITHSCORES')
    end
    local asleep
    for i = 1, #seen, 2 do
      local who = place(seen[i], seen[i + 1])
      local rest = who and -who.at - now
      if not who then
        -- taken out
      elseif who.at >= 0 then
        waiting[#waiting + 1] = who
      elseif rest > 0 and rest <= TURN or who.member == me then
        called[#called + 1], turn = who, math.max(0, math.min(turn, rest))
      else
        -- over, or of a time from which the clock was set back
        redis.call('ZREM', q, who.member)
        asleep = asleep or {}
        if who.inbox ~= '' then asleep[who.inbox] = true end
      end
    end
    if asleep then
      if next(asleep) then clear(asleep) end
      return survey(me)
    end
    return #seen > 0, turn
  end

  -- One of those who wait, by its place among them.
  local function waiter(n)
    if n > #waiting and n <= FAR and not is_all then
      local last = waiting[#waiting]
      local seen = redis.call('ZRANGEBYSCORE', q, last and string.format('(%.0f', last.at) or 0, '+inf', 'WITHSCORES', 'LIMIT', 0, 64)
      for i = 1, #seen, 2 do waiting[#waiting + 1] = place(seen[i], seen[i + 1]) end
      is_all = #seen < 128
    end
    return waiting[n]
  end

  -- Whether `me`, who came then if it has been here, may take one of `size`, of which `held` are: what is left when everybody
  -- has one who was called for it, or came earlier and can use it.
  local function may_take(me, arrived, size, held)
    local ahead, least = held, size
    for _, who in ipairs(called) do
      if who.member == me then return held < size end
      ahead, least = ahead + 1, math.min(least, who.size)
    end
    arrived = tonumber(arrived)
    local n, who = 1, nil
    while ahead < least do
      who = waiter(n)
      if not who or who.member == me or arrived > 0 and who.at >= arrived then return true end
      if who.size > held then ahead, least = ahead + 1, math.min(least, who.size) end
      n = n + 1
    end
    return false
  end

  -- The first one who waits sets a timer for those who are called, and the first one of another process: all of theirs may
  -- be asleep.
  local function stand_by(inboxes)
    local is_told = false
    for n = 1, 64 do
      local who = waiter(n)
      if not who then return end
      local is_other = not inboxes[who.inbox]
      if not who.is_called and not who.is_gone and (is_other or not is_told) and tell('?', who) then
        is_told = true
        if is_other then return end
      end
    end
  end

  -- Calls as many as can use what is free, the first ones first, of at most `limit` of which `held` are, beside those who are
  -- called; and whether one has left the line who may have set a timer.
  local function call(held, limit, has_left)
    if held >= limit then return end
    local least, inboxes, calls = limit, {}, #called > 0 and has_left
    local function enter(who)
      held, least, inboxes[who.inbox] = held + 1, math.min(least, who.size), true
    end
    for _, who in ipairs(called) do enter(who) end
    local n, who = 1, waiter(1)
    while who and held < least do
      if held < who.size and tell('!', who) then
        redis.call('ZADD', q, -(now + TURN), who.member)
        enter(who)
        who.is_called, calls = true, true
      end
      n = n + 1
      who = waiter(n)
    end
    if calls then stand_by(inboxes) end
  end

  -- Stands in line, where it stood if it has before; when it came, or zero on a server too full to note it.
  local function stand(me, arrived, remaining)
    arrived = tonumber(arrived)
    if arrived == 0 then arrived = us end
    if type(redis.pcall('ZADD', q, arrived, me)) == 'table' then return 0 end
    if redis.call('PTTL', q) < remaining + LINGER / 2 then redis.call('PEXPIRE', q, remaining + LINGER) end
    return arrived
  end

  -- Leaves the line; whether it stood there.
  local function leave(me)
    return me ~= '' and redis.pcall('ZREM', q, me) == 1
  end

  return {survey = survey, may_take = may_take, call = call, stand = stand, leave = leave, clear = clear}
end
