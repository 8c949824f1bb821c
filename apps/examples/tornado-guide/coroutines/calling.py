# How to call a coroutine, and where its errors go.
from tornado import gen
from tornado.ioloop import IOLoop


async def divide(x, y):
    await gen.sleep(0.001)
    return x / y


async def main():
    print("six by three: %d" % await divide(6, 3))
    try:
        await divide(1, 0)
    except ZeroDivisionError:
        print("an error reaches the caller that awaits")

    # Nothing waits for this call. The loop logs its error.
    IOLoop.current().spawn_callback(divide, 1, 0)
    await gen.sleep(0.05)
    return "the program goes on"


if __name__ == "__main__":
    print(IOLoop.current().run_sync(main))
