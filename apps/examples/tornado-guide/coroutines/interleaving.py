# A handler that reads the next piece while the current one is sent.
import asyncio
import os

from tornado import gen
from tornado.web import Application, RequestHandler

LINES = ["one\n", "two\n", "three\n"]


class Report(RequestHandler):
    def prepare(self):
        self.lines = iter(LINES)

    async def next_line(self):
        await gen.sleep(0.01)
        return next(self.lines, None)

    async def get(self):
        self.set_header("Content-Type", "text/plain; charset=UTF-8")
        reading = gen.convert_yielded(self.next_line())
        while True:
            line = await reading
            if line is None:
                break
            self.write(line)
            reading = gen.convert_yielded(self.next_line())
            await self.flush()


async def main():
    app = Application([("/report", Report)])
    app.listen(int(os.environ.get("PORT", 8888)), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
