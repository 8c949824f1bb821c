# Two processes on one port.
import asyncio
import os

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.process import fork_processes, task_id
from tornado.web import Application, RequestHandler


class Task(RequestHandler):
    def get(self):
        self.write({"task": task_id()})


async def serve(sockets):
    server = HTTPServer(Application([("/", Task)]))
    server.add_sockets(sockets)
    await asyncio.Event().wait()


if __name__ == "__main__":
    sockets = bind_sockets(int(os.environ.get("PORT", 8888)), "127.0.0.1")
    fork_processes(2)
    asyncio.run(serve(sockets))
