"""Tornado: one process, its own loop, no access log and no pings."""

import gc
import json
import signal
import sys

from tornado import httpserver, ioloop, netutil, web, websocket

SETTINGS = json.loads(sys.argv[1])
everyone = set()


class Handler(websocket.WebSocketHandler):
    def get_compression_options(self):
        return {} if SETTINGS["deflate"] else None

    def open(self):
        self.set_nodelay(True)


class Echo(Handler):
    def on_message(self, message):
        self.write_message(message, binary=isinstance(message, bytes))


class Room(Handler):
    def open(self):
        super().open()
        everyone.add(self)

    def on_message(self, message):
        for one in everyone:
            one.write_message(message, binary=isinstance(message, bytes))

    def on_close(self):
        everyone.discard(self)


def print_line(line):
    print(json.dumps(line), flush=True)


def collect():
    gc.collect()
    print_line({"heapBytes": 0})


loop = ioloop.IOLoop.current()
handler = Room if SETTINGS["mode"] == "broadcast" else Echo
application = web.Application([("/", handler)], log_function=lambda handler: None)
server = httpserver.HTTPServer(application)
sockets = netutil.bind_sockets(0, "127.0.0.1", backlog=511)
server.add_sockets(sockets)
loop.asyncio_loop.add_signal_handler(signal.SIGUSR2, collect)
loop.asyncio_loop.add_signal_handler(signal.SIGTERM, loop.stop)
print_line({"port": sockets[0].getsockname()[1], "backend": "tornado"})
loop.start()
