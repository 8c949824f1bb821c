# Behind a proxy: the address and the protocol of the client, from the headers of the proxy.
import asyncio
import os

from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler


class WhoAmI(RequestHandler):
    def get(self):
        self.write({"ip": self.request.remote_ip, "protocol": self.request.protocol})


async def main():
    server = HTTPServer(Application([("/", WhoAmI)]), xheaders=True)
    server.listen(int(os.environ.get("PORT", 8888)), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
