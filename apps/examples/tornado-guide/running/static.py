# Static files: those of pages, with versions in their URLs, and a folder that is served as it is.
import asyncio
import os

from tornado.web import Application, RequestHandler, StaticFileHandler

FOLDER = os.path.join(os.path.dirname(__file__), "public")


class Home(RequestHandler):
    def get(self):
        self.write('<script src="%s"></script>' % self.static_url("main.js"))


async def main():
    files = {"path": FOLDER, "default_filename": "index.html"}
    app = Application(
        [("/", Home), ("/files/(.*)", StaticFileHandler, files)],
        static_path=FOLDER,
    )
    app.listen(int(os.environ.get("PORT", 8888)), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
