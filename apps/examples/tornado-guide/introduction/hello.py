# The smallest web application.
import asyncio
import os

from tornado.web import Application, RequestHandler


class Hello(RequestHandler):
    def get(self, name):
        self.write("Hello, %s" % (name or "world"))


async def main():
    app = Application([(r"/(\w*)", Hello)])
    app.listen(int(os.environ.get("PORT", 8888)), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
