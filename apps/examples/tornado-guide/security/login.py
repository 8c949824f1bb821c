# Log in and out: signed cookies, the current user, and protection against forged requests.
import asyncio
import os

from tornado.web import Application, RequestHandler, authenticated

SECRET = os.environ.get("SECRET", "change this text of at least 32 bytes")


class BaseHandler(RequestHandler):
    def get_current_user(self):
        name = self.get_secure_cookie("user")  # since Tornado 6.3: get_signed_cookie
        return name and name.decode()


class Home(BaseHandler):
    @authenticated
    def get(self):
        self.write("Hello, %s" % self.current_user)


class Login(BaseHandler):
    def get(self):
        self.write(
            '<form method="post">%s<input name="name"><button>Log in</button></form>'
            % self.xsrf_form_html()
        )

    def post(self):
        self.set_secure_cookie("user", self.get_body_argument("name"))
        self.redirect("/")


class Logout(BaseHandler):
    def post(self):
        self.clear_cookie("user")
        self.redirect("/login")


async def main():
    app = Application(
        [("/", Home), ("/login", Login), ("/logout", Logout)],
        cookie_secret=SECRET,
        login_url="/login",
        xsrf_cookies=True,
    )
    app.listen(int(os.environ.get("PORT", 8888)), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
