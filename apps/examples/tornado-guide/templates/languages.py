# A page in the language of its reader: that of the account, or of the browser.
import asyncio
import os

from tornado import locale
from tornado.web import Application, RequestHandler

FOLDER = os.path.join(os.path.dirname(__file__), "locale")
ONE, MANY = "You have one message.", "You have %(count)d messages."


class Messages(RequestHandler):
    def get_user_locale(self):
        code = self.get_cookie("language")
        return locale.get(code) if code else None  # None: as the browser prefers

    def get(self):
        count = int(self.get_query_argument("count"))
        _ = self.locale.translate
        self.write("<p>%s</p>" % (_("Hello, %(name)s.") % {"name": "Ann"}))
        self.write("<p>%s</p>" % (_(ONE, MANY, count) % {"count": count}))


async def main():
    locale.load_translations(FOLDER)
    locale.set_default_locale("en_US")
    app = Application([("/", Messages)])
    app.listen(int(os.environ.get("PORT", 8888)), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
