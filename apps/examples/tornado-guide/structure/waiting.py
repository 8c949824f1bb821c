# Asynchronous handlers: one that fetches, and one that waits for another request.
import asyncio
import os

from tornado.httpclient import AsyncHTTPClient
from tornado.locks import Condition
from tornado.web import Application, RequestHandler

news = Condition()


class Prices(RequestHandler):
    async def get(self):
        await asyncio.sleep(0.01)
        self.write({"tea": 3, "coffee": 4})


class Menu(RequestHandler):
    async def get(self):
        client = AsyncHTTPClient()
        url = "%s://%s/prices" % (self.request.protocol, self.request.host)
        response = await client.fetch(url)
        self.set_header("Content-Type", "text/plain; charset=UTF-8")
        self.write("%d prices" % len(response.body.split(b",")))


class Wait(RequestHandler):
    async def get(self):
        self.waiting = asyncio.ensure_future(news.wait())
        self.write("waiting ...\n")
        await self.flush()
        await self.waiting
        self.finish("there is news\n")

    def post(self):
        news.notify_all()
        self.set_status(204)

    def on_connection_close(self):
        print("a reader left")
        self.waiting.cancel()


def make_app():
    return Application([("/prices", Prices), ("/menu", Menu), ("/wait", Wait)])


async def main():
    make_app().listen(int(os.environ.get("PORT", 8888)), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
