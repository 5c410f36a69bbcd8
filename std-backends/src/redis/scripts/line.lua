-- The line of one key, in order of arrival: a sorted set of `token size inbox`, the size being how many permits its pool
-- has. A score is when it came (us); while it is called, minus the time (ms) when its turn ends.
--
-- What becomes free belongs to the one who has waited longest: it is called, and until it asks or its turn is over,
-- nobody takes it who came later. Another waiter sets a timer, for the called one may be asleep.
--
-- Made only where somebody waits: most scripts need none of it.
local function line(q)
  -- For how long what is free is kept for the one who was called.
  local TURN = 1000
  -- How far a line is searched for somebody who can use what is free, where pools of one name have many sizes.
  local FAR = 1000

  local function parts(member)
    local token, size, inbox = string.match(member, '^(%x+) (%d+) (.*)$')
    return token, tonumber(size), inbox
  end

  -- A message to whoever stands there, about the key, whose name is the set's without `:q`: `!` it is your turn, `?` set a
  -- timer for the one whose turn it is. Whether anybody listens; who has no inbox asks by itself.
  local function tell(mark, member)
    local token, size, inbox = parts(member)
    if inbox == '' then return true end
    return redis.call('PUBLISH', inbox, mark .. token .. ' ' .. size .. ' ' .. string.sub(q, 1, -3)) > 0
  end

  -- Takes everybody out, or all of one process, and tells each process once that they are to ask again.
  local function clear(only)
    local told = {}
    for _, member in ipairs(redis.call('ZRANGE', q, 0, -1)) do
      local _, _, inbox = parts(member)
      if not only or inbox == only then
        if only then redis.call('ZREM', q, member) end
        if inbox ~= '' and not told[inbox] then
          told[inbox] = true
          redis.call('PUBLISH', inbox, '*' .. string.sub(q, 1, -3))
        end
      end
    end
    if not only then redis.call('DEL', q) end
  end

  -- Who is called, and for how long the first of them will be. Takes out whose turn is over, but for the asker: it sleeps,
  -- and all of its process with it. If it does not, they stand again where they stood.
  local function survey(me)
    local called, turn = {}, TURN
    local seen = redis.call('ZRANGEBYSCORE', q, '-inf', '(0', 'WITHSCORES')
    for i = 1, #seen, 2 do
      local ends = -seen[i + 1]
      if ends <= now and seen[i] ~= me then
        local _, _, inbox = parts(seen[i])
        redis.call('ZREM', q, seen[i])
        if inbox ~= '' then clear(inbox) end
        return survey(me)
      end
      called[#called + 1], turn = seen[i], math.max(0, math.min(turn, ends - now))
    end
    return called, turn
  end

  -- Whether `me`, who came then if it has been here, may take one of `size`, of which `held` are: what is left when everybody
  -- has one who was called for it, or came earlier and can use it.
  local function may_take(called, me, arrived, size, held)
    local ahead, least, wants = held, size
    for _, member in ipairs(called) do
      if member == me then return held < size end
      _, wants = parts(member)
      ahead, least = ahead + 1, math.min(least, wants)
    end
    local own = me ~= '' and redis.call('ZSCORE', q, me) or arrived ~= '0' and arrived
    local from, many = 0, math.min(size - held + 1, 64)
    while ahead < least do
      local seen = redis.call('ZRANGEBYSCORE', q, 0, own and '(' .. own or '+inf', 'LIMIT', from, many)
      for _, member in ipairs(seen) do
        _, wants = parts(member)
        if wants > held then ahead, least = ahead + 1, math.min(least, wants) end
      end
      from = from + many
      if #seen < many or from > FAR then return ahead < least end
    end
    return false
  end

  -- The first one who waits sets a timer for those who were called, and the first one of another process: all of theirs may
  -- be asleep.
  local function stand_by(called)
    local is_told = false
    repeat
      local is_dead = false
      for _, member in ipairs(redis.call('ZRANGEBYSCORE', q, 0, '+inf', 'LIMIT', 0, 8)) do
        local _, _, inbox = parts(member)
        if not is_told or not called[inbox] then
          if not tell('?', member) then
            redis.call('ZREM', q, member)
            is_dead = true
          elseif not called[inbox] then
            return
          else
            is_told = true
          end
        end
      end
    until is_told or not is_dead
  end

  -- Calls as many as can use what is free, the first ones first, of at most `limit` of which `held` are, beside those who are
  -- called; and whether one has left the line who may have set a timer.
  local function call(called, held, limit, has_left)
    if held >= limit then return end
    local least, inboxes, calls = limit, {}, #called > 0 and has_left
    local function enter(member)
      local _, size, inbox = parts(member)
      held, least, inboxes[inbox] = held + 1, math.min(least, size), true
    end
    for _, member in ipairs(called) do enter(member) end
    local from, many = 0, math.max(1, math.min(limit - held, 64))
    while held < least and from < FAR do
      local seen = redis.call('ZRANGEBYSCORE', q, 0, '+inf', 'LIMIT', from, many)
      for _, member in ipairs(seen) do
        local _, size = parts(member)
        if held >= math.min(least, size) then
          from = from + 1
        elseif tell('!', member) then
          redis.call('ZADD', q, -(now + TURN), member)
          enter(member)
          calls = true
        else
          redis.call('ZREM', q, member)
        end
      end
      if #seen < many then break end
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
    return me ~= '' and redis.call('ZREM', q, me) == 1
  end

  return {survey = survey, may_take = may_take, call = call, stand = stand, leave = leave, clear = clear}
end
