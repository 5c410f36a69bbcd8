-- KEYS value; as `inspect`: whether there is one, for how long it is fresh (ms, -1 for ever), no fence, no age, nobody waits, no label
local left = redis.call('PTTL', KEYS[1])
if left == -2 then return {0, 0, 0, -1, 0, ''} end
return {1, left, 0, -1, 0, ''}
