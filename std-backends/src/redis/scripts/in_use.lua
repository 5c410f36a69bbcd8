-- KEYS slots, line; as `inspect`: how many are held, when the first one ends (ms), no fence, no age, how many wait, no label
local held = redis.call('ZRANGEBYSCORE', KEYS[1], string.format('(%.0f', now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
return {in_use(KEYS[1]), math.max(0, (held[2] or now) - now), 0, -1, redis.call('ZCARD', KEYS[2]), ''}
