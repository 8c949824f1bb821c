# Routes with parameters, names and what their handlers are given.
import asyncio
import os

from tornado.web import Application, HTTPError, RedirectHandler, RequestHandler, url

STORIES = {"1": "A tale of two loops", "2": "The old man and the C"}


class Index(RequestHandler):
    def initialize(self, stories):
        self.stories = stories

    def get(self):
        self.write("<ul>")
        for story_id, title in self.stories.items():
            path = self.reverse_url("story", story_id)
            self.write('<li><a href="%s">%s</a></li>' % (path, title))
        self.write("</ul>")


class Story(RequestHandler):
    def initialize(self, stories):
        self.stories = stories

    def get(self, story_id):
        title = self.stories.get(story_id)
        if title is None:
            raise HTTPError(404)
        self.write({"id": story_id, "title": title})


class Photo(RequestHandler):
    def get(self, year, name):
        self.set_header("Content-Type", "text/plain; charset=UTF-8")
        self.write("photo %s of %s" % (name, year))


def make_app():
    return Application(
        [
            url(r"/", Index, {"stories": STORIES}),
            url(r"/story/([0-9]+)", Story, {"stories": STORIES}, name="story"),
            url(r"/photos/([0-9]{4})/(.+)", Photo),
            url(r"/pictures/(.*)", RedirectHandler, {"url": "/photos/{0}"}),
            url(r"/app", RedirectHandler, {"url": "/", "permanent": False}),
        ]
    )


async def main():
    make_app().listen(int(os.environ.get("PORT", 8888)), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
