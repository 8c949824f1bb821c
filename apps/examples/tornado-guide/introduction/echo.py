# One layer below HTTP: a server that sends each line back.
import asyncio
import os

from tornado.iostream import StreamClosedError
from tornado.tcpserver import TCPServer


class EchoServer(TCPServer):
    async def handle_stream(self, stream, address):
        try:
            while True:
                line = await stream.read_until(b"\n", max_bytes=1024)
                await stream.write(line.upper())
        except StreamClosedError:
            print("a client left")


async def main():
    server = EchoServer()
    server.listen(int(os.environ.get("PORT", 8888)), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
