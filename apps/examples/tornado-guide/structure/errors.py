# Errors: the pages for them, early ends, and what is called for each request.
import asyncio
import os

from tornado.web import Application, Finish, HTTPError, RequestHandler


class BaseHandler(RequestHandler):
    def set_default_headers(self):
        self.set_header("X-Served-By", "guide")

    def prepare(self):
        self.calls = ["prepare"]
        if self.request.headers.get("X-Closed"):
            self.set_status(503)
            self.finish("closed for today")

    def on_finish(self):
        print("%s: %s" % (self.request.path, self.get_status()))

    def write_error(self, status_code, **kwargs):
        self.write("<h1>%d</h1><p>Sorry.</p>" % status_code)


class Home(BaseHandler):
    def get(self):
        self.calls.append("get")
        self.write({"calls": self.calls})


class Broken(BaseHandler):
    def get(self):
        raise KeyError("a bug")


class Order(BaseHandler):
    def get(self, number):
        if int(number) > 100:
            raise HTTPError(404)
        if number == "13":
            self.set_status(410)
            self.finish({"problem": "it was cancelled"})
            raise Finish()
        self.write({"order": int(number)})


class NotFound(BaseHandler):
    def prepare(self):
        raise HTTPError(404)


def make_app():
    routes = [(r"/", Home), (r"/broken", Broken), (r"/order/([0-9]+)", Order)]
    return Application(routes, default_handler_class=NotFound)


async def main():
    make_app().listen(int(os.environ.get("PORT", 8888)), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
