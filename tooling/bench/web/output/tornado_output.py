"""Tornado: one process, its own loop, no access log and no automatic ETag."""

import json
import os
import signal
import sys

from tornado import httpserver, ioloop, netutil, template, web

SETTINGS = json.loads(sys.argv[1])
IDLE_TIMEOUT_S = 75
TEMPLATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")


class Handler(web.RequestHandler):
    def set_default_headers(self):
        self.set_header("Server", "Landspout")

    def compute_etag(self):
        return None


class Page(Handler):
    def get(self):
        self.render("page.html", **SETTINGS["data"])


class Made(Handler):
    def get(self):
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.write(MADE)


class Json(Handler):
    def get(self):
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.write(json.dumps(SETTINGS["value"], separators=(",", ":")))


# By default it drops spaces and lines of pages, which other engines do not.
WHITESPACE = "all"
MADE = None
if SETTINGS["scene"] == "made":
    loader = template.Loader(TEMPLATES, whitespace=WHITESPACE)
    MADE = loader.load("page.html").generate(**SETTINGS["data"])

HANDLERS = {"page": Page, "made": Made, "json": Json, "compressed": Json}

loop = ioloop.IOLoop.current()
application = web.Application(
    [("/", HANDLERS[SETTINGS["scene"]])],
    log_function=lambda handler: None,
    template_path=TEMPLATES,
    template_whitespace=WHITESPACE,
    # At GZipContentEncoding.GZIP_LEVEL, which is 6.
    compress_response=SETTINGS["scene"] == "compressed",
)
server = httpserver.HTTPServer(application, idle_connection_timeout=IDLE_TIMEOUT_S)
sockets = netutil.bind_sockets(0, "127.0.0.1", backlog=511)
server.add_sockets(sockets)
loop.asyncio_loop.add_signal_handler(signal.SIGTERM, loop.stop)
print(json.dumps({"port": sockets[0].getsockname()[1], "backend": "tornado"}), flush=True)
loop.start()
