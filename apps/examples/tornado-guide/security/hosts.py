# Protection against DNS rebinding: only requests for the host names of the site are served.
import asyncio
import os

from tornado.web import Application, HTTPError, RequestHandler

HOSTS = {"127.0.0.1", "www.example.com"}


class BaseHandler(RequestHandler):
    def prepare(self):
        if self.request.host_name not in HOSTS:
            raise HTTPError(421)


class Home(BaseHandler):
    def get(self):
        self.write("Welcome to %s" % self.request.host_name)


async def main():
    app = Application([("/", Home)])
    app.listen(int(os.environ.get("PORT", 8888)), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
