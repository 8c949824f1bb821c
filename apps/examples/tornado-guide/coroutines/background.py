# Work at intervals: a loop with a clock of its own, and a periodic callback.
import asyncio

from tornado import gen
from tornado.ioloop import PeriodicCallback
from tornado.locks import Event

INTERVAL_MS = 10


async def count_to_three():
    for number in range(1, 4):
        interval = asyncio.ensure_future(gen.sleep(INTERVAL_MS / 1000))  # starts the clock
        print("loop: %d" % number)
        await interval


async def main():
    await count_to_three()

    done = Event()
    numbers = []

    def count():
        numbers.append(len(numbers) + 1)
        print("periodic: %d" % numbers[-1])
        if len(numbers) == 3:
            periodic.stop()
            done.set()

    periodic = PeriodicCallback(count, INTERVAL_MS)
    periodic.start()
    await done.wait()


if __name__ == "__main__":
    asyncio.run(main())
