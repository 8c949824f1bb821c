# UI modules: parts of pages with their own style and script.
import asyncio
import os

from tornado.template import DictLoader
from tornado.web import Application, RequestHandler, UIModule

ENTRIES = [{"slug": "loops", "title": "Loops & <more>"}, {"slug": "c", "title": "The old man and the C"}]

TEMPLATES = {
    "page.html": """<html><head><title>Blog</title></head><body>
{% for entry in entries %}{% module Entry(entry) %}{% end %}
<p>{{ count(entries) }}</p></body></html>
""",
    "entry.html": """<h2><a href="/entry/{{ entry["slug"] }}">{{ entry["title"] }}</a></h2>
{% if show_comments %}<p>No comments</p>{% end %}
""",
}


class Entry(UIModule):
    def render(self, entry, show_comments=False):
        return self.render_string("entry.html", entry=entry, show_comments=show_comments)

    def embedded_css(self):
        return ".entry { margin: 1em }"

    def javascript_files(self):
        return "https://example.com/entry.js"


def count(handler, entries):
    return "%d entries at %s" % (len(entries), handler.request.path)


class Page(RequestHandler):
    def get(self):
        self.render("page.html", entries=ENTRIES)


async def main():
    app = Application(
        [("/blog", Page)],
        ui_modules={"Entry": Entry},
        ui_methods={"count": count},
        template_loader=DictLoader(TEMPLATES),
    )
    app.listen(int(os.environ.get("PORT", 8888)), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
