# Templates in files: a layout, blocks, loops, escaping, and functions.
import asyncio
import os

from tornado.web import Application, RequestHandler

STUDENTS = [{"name": "Ann <3 & Bob", "year": 1}, {"name": "Joe", "year": 2}]


class Students(RequestHandler):
    def get_template_namespace(self):
        namespace = super().get_template_namespace()
        namespace["school"] = "The School of Loops"
        return namespace

    def get(self):
        year = self.get_query_argument("year", None)
        students = [one for one in STUDENTS if year is None or str(one["year"]) == year]
        self.render(
            "students.html",
            title="All <students>",
            students=students,
            note="<p><b>raw</b></p>",
            shout=lambda word: word.upper() + "!",
        )


async def main():
    folder = os.path.dirname(__file__)
    app = Application(
        [("/", Students)],
        template_path=os.path.join(folder, "views"),
        static_path=os.path.join(folder, "static"),
    )
    app.listen(int(os.environ.get("PORT", 8888)), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
