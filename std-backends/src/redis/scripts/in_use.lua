-- KEYS slots
return in_use(KEYS[1])
