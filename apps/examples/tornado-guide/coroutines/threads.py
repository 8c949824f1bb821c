# A function that takes long, in a thread of its own.
import asyncio
import hashlib

from tornado import gen
from tornado.ioloop import IOLoop


async def derive(password):
    arguments = "sha256", password, b"a salt for each user", 10_000, 16
    key = await IOLoop.current().run_in_executor(None, hashlib.pbkdf2_hmac, *arguments)
    return key.hex()


async def main():
    keys = await gen.multi([derive(b"secret"), derive(b"hunter2")])
    print("\n".join(keys))


if __name__ == "__main__":
    asyncio.run(main())
