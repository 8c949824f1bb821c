# Several coroutines at once.
import asyncio
from datetime import timedelta

from tornado import gen
from tornado.locks import Event
from tornado.util import TimeoutError


def slow_and_fast():
    ready = Event()

    async def slow():
        await ready.wait()
        return "slow"

    async def fast():
        ready.set()
        return "fast"

    return asyncio.ensure_future(slow()), asyncio.ensure_future(fast())


async def main():
    first, second = await gen.multi(slow_and_fast())
    print("in the order of the list: %s, %s" % (first, second))

    a, b = slow_and_fast()
    results = await gen.multi({"a": a, "b": b})
    print("by key: a is %s, b is %s" % (results["a"], results["b"]))

    iterator = gen.WaitIterator(*slow_and_fast())
    while not iterator.done():
        result = await iterator.next()
        print("as they end: %s, number %d" % (result, iterator.current_index))

    try:
        await gen.with_timeout(timedelta(milliseconds=10), Event().wait())
    except TimeoutError:
        print("too late")


if __name__ == "__main__":
    asyncio.run(main())
