"""py-cachify's side of the comparison: a line in, a line out; times in microseconds unless it says otherwise."""

import asyncio
import sys
import time

import redis
import redis.asyncio
from py_cachify import CachifyLockError, CachifyPoolFullError, init_cachify
from py_cachify._backend._pool_state import PoolState

KEYS = 100
STAY = 0.05
url = sys.argv[1]
# by itself the client refuses the 101st task, which would be counted against py-cachify
clients = {'max_connections': 2000}
if sys.argv[2:] == ['retries']:  # a client made in this way retries a connection that was refused
    where = {'host': '127.0.0.1', 'port': int(url.rsplit(':', 1)[1])}
    c = init_cachify(sync_client=redis.Redis(**where), async_client=redis.asyncio.Redis(**where))
else:  # as py-cachify's documentation does
    c = init_cachify(
        sync_client=redis.from_url(url, **clients), async_client=redis.asyncio.from_url(url, **clients)
    )


@c.cached(key='user:{id}', ttl=3600)
async def user(id):
    return {'id': id, 'name': 'name'}


@c.cached(key='user:{id}', ttl=3600)
def user_blocking(id):
    return {'id': id, 'name': 'name'}


def now():
    """The clock that all processes of this machine share."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def blocking(count, operation):
    began = now()
    for at in range(count):
        operation(at)
    return (now() - began) / 1e3 / count


async def each(count, operation):
    began = now()
    for at in range(count):
        await operation(at)
    return (now() - began) / 1e3 / count


async def together(tasks, count, operation):
    async def some(task):
        for at in range(count):
            await operation(task * count + at)

    began = now()
    await asyncio.gather(*(some(task) for task in range(tasks)))
    return (now() - began) / 1e3 / (tasks * count)


async def hit(at):
    assert (await user(at % KEYS))['id'] == at % KEYS


async def cycle(at):
    async with c.lock(key=f'lock:{at % KEYS}'):
        pass


def cycle_blocking(at):
    with c.lock(key=f'lock:{at % KEYS}'):
        pass


async def crowd(key, callers):
    """Milliseconds until the last of those who get in is in, how many were told that the pool is full, and how many
    could not give their permit back.
    """
    began = now()
    last, full, kept = began, 0, 0

    async def one():
        nonlocal last, full, kept
        try:
            async with c.pool(key=key, max_size=callers):
                last = max(last, now())
                await asyncio.sleep(STAY)
        except CachifyPoolFullError:
            full += 1
        except CachifyLockError:  # the lock around its state was busy for too long
            kept += 1

    await asyncio.gather(*(one() for _ in range(callers)))
    return (last - began) / 1e6, full, kept


async def refuse():
    """Milliseconds until a lock is granted or refused, and whether it was granted."""
    began = now()
    try:
        async with asyncio.timeout(20), c.lock(key='refuse'):
            granted = 1
    except (redis.RedisError, OSError, CachifyLockError):
        granted = 0
    return (now() - began) / 1e6, granted


def held(key, count):
    """A pool of which so many permits are held."""
    c._client.set(f'{key}-state', PoolState(slots={f'{slot:032x}': time.time() + 600 for slot in range(count)}))
    return 0


async def answer(word, words):
    match word:
        case 'hit':
            return await each(int(words[0]), hit)
        case 'hits':
            return await together(int(words[0]), int(words[1]), hit)
        case 'hit_blocking':
            return blocking(int(words[0]), lambda at: user_blocking(at % KEYS))
        case 'lock':
            return await each(int(words[0]), cycle)
        case 'locks':
            return await together(int(words[0]), int(words[1]), cycle)
        case 'lock_blocking':
            return blocking(int(words[0]), cycle_blocking)
        case 'pool':

            async def permit(_):
                async with c.pool(key=words[0], max_size=int(words[1])):
                    pass

            return await each(int(words[2]), permit)
        case 'held':
            return held(words[0], int(words[1]))
        case 'crowd':
            return await crowd(words[0], int(words[1]))
        case 'refuse':
            return await refuse()


def say(*words):
    print(*words, flush=True)


async def main():
    holding = None
    for at in range(KEYS):
        await user(at)
    say('ready')
    for line in sys.stdin:
        word, *words = line.split()
        match word:
            case 'hold':
                holding = c.lock(key=words[0], nowait=False)
                await holding.__aenter__()
                say(0)
            case 'release':
                released = now()
                await holding.__aexit__(None, None, None)
                say(released)
            case 'wait':
                say('waiting')
                async with c.lock(key=words[0], nowait=False):
                    granted = now()
                say(granted)
                say('free')
            case _:
                done = await answer(word, words)
                say(*done if isinstance(done, tuple) else (done,))


asyncio.run(main())
