"""Tornado: one process, its own loop, no access log and no automatic ETag."""

import json
import signal
import sys

from tornado import escape, httpserver, ioloop, netutil, web

SETTINGS = json.loads(sys.argv[1])
IDLE_TIMEOUT_S = 75
SECRET = "a secret of at least thirty-two bytes"


class Handler(web.RequestHandler):
    def set_default_headers(self):
        self.set_header("Server", "Landspout")
        self.set_header("Content-Type", "text/plain; charset=utf-8")

    def compute_etag(self):
        return None


class Hello(Handler):
    def get(self):
        self.write("Hello, world!")


class Json(Handler):
    def get(self):
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.write(json.dumps(SETTINGS["value"], separators=(",", ":")))


class Posts(Handler):
    def get(self, user):
        self.write(f"user {user}, page {self.get_query_argument('page')}")


class Form(Handler):
    def post(self):
        self.write(f"{self.get_body_argument('name')}: {len(self.get_body_argument('note', strip=False))}")


class Message(Handler):
    def post(self):
        message = escape.json_decode(self.request.body)
        self.write(f"{message['name']}: {len(message['note'])}")


class Item(Handler):
    def get(self, number):
        self.write(f"item {number}")


class Login(Handler):
    def get(self):
        self.set_secure_cookie("user", "Ada")


class Greeting(Handler):
    def get(self):
        self.write(f"Hello, {self.get_secure_cookie('user').decode()}!")


class Framed(Hello):
    """Tornado has no middleware: a base class does its work."""

    def prepare(self):
        self.set_header("X-Frame-Options", "DENY")


SCENES = {
    "hello": [("/", Hello)],
    "json": [("/json", Json)],
    "path": [("/users/([^/]+)/posts", Posts)],
    "form": [("/form", Form)],
    "post-json": [("/post-json", Message)],
    "routes": [(f"/items{at}/([^/]+)", Item) for at in range(SETTINGS.get("routes", 0))],
    "cookie": [("/", Greeting), ("/login", Login)],
    "middleware": [("/", Framed)],
    "static": [("/static/(.*)", web.StaticFileHandler, {"path": SETTINGS["folder"] + "/static"})],
}

loop = ioloop.IOLoop.current()
application = web.Application(SCENES[SETTINGS["scene"]], log_function=lambda handler: None, cookie_secret=SECRET)
server = httpserver.HTTPServer(application, idle_connection_timeout=IDLE_TIMEOUT_S)
sockets = netutil.bind_sockets(0, "127.0.0.1", backlog=511)
server.add_sockets(sockets)
loop.asyncio_loop.add_signal_handler(signal.SIGTERM, loop.stop)
print(json.dumps({"port": sockets[0].getsockname()[1], "backend": "tornado"}), flush=True)
loop.start()
