"""Tornado: one process, its own loop, no access log and no automatic ETag."""

import gc
import json
import signal
import sys

from tornado import httpserver, ioloop, netutil, web

# The same bytes as in program.mjs.
DOWN_BYTES = json.loads(sys.argv[1]).get("downBytes", 0)
PATTERN = b"All work and no play. "
BODY = (PATTERN * (DOWN_BYTES // len(PATTERN) + 1))[:DOWN_BYTES] if DOWN_BYTES else b"Hello, world!"
IDLE_TIMEOUT_S = 75


class Hello(web.RequestHandler):
    def set_default_headers(self):
        self.set_header("Server", "Landspout")
        self.set_header("Content-Type", "text/plain; charset=utf-8")

    def compute_etag(self):
        return None

    def get(self):
        self.write(BODY)

    def post(self):
        self.write(str(len(self.request.body)))


def print_line(line):
    print(json.dumps(line), flush=True)


def collect():
    gc.collect()
    print_line({"heapBytes": 0})


loop = ioloop.IOLoop.current()
application = web.Application([("/", Hello)], log_function=lambda handler: None)
server = httpserver.HTTPServer(application, idle_connection_timeout=IDLE_TIMEOUT_S)
sockets = netutil.bind_sockets(0, "127.0.0.1", backlog=511)
server.add_sockets(sockets)
loop.asyncio_loop.add_signal_handler(signal.SIGUSR2, collect)
loop.asyncio_loop.add_signal_handler(signal.SIGTERM, loop.stop)
print_line({"port": sockets[0].getsockname()[1], "backend": "tornado"})
loop.start()
