# Input: arguments of the query and of forms, lists, files, and JSON.
import asyncio
import json
import os

from tornado.web import Application, HTTPError, RequestHandler

FORM = (
    '<form action="/message" method="post"><input name="message">'
    '<input type="checkbox" name="to" value="all"><button>Send</button></form>'
)


class Search(RequestHandler):
    def get(self):
        words = self.get_query_argument("q")
        try:
            page = int(self.get_query_argument("page", "1"))
        except ValueError:
            raise HTTPError(400)
        self.write({"words": words, "page": page, "tags": self.get_query_arguments("tag")})


class Message(RequestHandler):
    def get(self):
        self.write(FORM)

    def post(self):
        self.set_header("Content-Type", "text/plain; charset=UTF-8")
        message = self.get_body_argument("message")
        self.write("to %d: %s" % (len(self.get_body_arguments("to")), message))


class Upload(RequestHandler):
    def post(self):
        files = self.request.files.get("file", [])
        self.write({"files": [[file.filename, len(file.body)] for file in files]})


class Notes(RequestHandler):
    def prepare(self):
        content_type = self.request.headers.get("Content-Type", "")
        if not content_type.startswith("application/json"):
            raise HTTPError(415)
        try:
            self.note = json.loads(self.request.body)
        except ValueError:
            raise HTTPError(400)

    def post(self):
        if not isinstance(self.note, dict) or not isinstance(self.note.get("text"), str):
            raise HTTPError(422)
        self.set_status(201)
        self.write({"text": self.note["text"].strip()})


def make_app():
    return Application(
        [("/search", Search), ("/message", Message), ("/upload", Upload), ("/notes", Notes)]
    )


async def main():
    make_app().listen(int(os.environ.get("PORT", 8888)), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
