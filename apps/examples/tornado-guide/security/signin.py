# Sign-in with a provider of OAuth 2.0, whose URL is the argument.
import asyncio
import json
import os
import secrets
import sys
from urllib.parse import urlencode

from tornado.auth import OAuth2Mixin
from tornado.httpclient import HTTPClientError
from tornado.web import Application, HTTPError, RequestHandler

PROVIDER = sys.argv[1]
CLIENT = {"client_id": "shop", "client_secret": "a secret"}


class SignIn(RequestHandler, OAuth2Mixin):
    _OAUTH_AUTHORIZE_URL = PROVIDER + "authorize"
    _OAUTH_ACCESS_TOKEN_URL = PROVIDER + "token"

    async def get(self):
        redirect_uri = "%s://%s/sign-in/callback" % (self.request.protocol, self.request.host)
        if self.request.path == "/sign-in":
            state = secrets.token_urlsafe()
            self.set_secure_cookie("state", state, httponly=True, samesite="Lax")
            extra = {"state": state}
            self.authorize_redirect(redirect_uri, CLIENT["client_id"], extra_params=extra)
            return

        state = self.get_secure_cookie("state")
        self.clear_cookie("state")
        if state is None or state.decode() != self.get_query_argument("state"):
            raise HTTPError(400)
        try:
            user = await self.fetch_user(redirect_uri, self.get_query_argument("code"))
        except HTTPClientError:
            raise HTTPError(502)
        self.write({"name": user["name"]})

    async def fetch_user(self, redirect_uri, code):
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        response = await self.get_auth_http_client().fetch(
            self._OAUTH_ACCESS_TOKEN_URL, method="POST", body=urlencode({**form, **CLIENT})
        )
        token = json.loads(response.body)["access_token"]
        return await self.oauth2_request(PROVIDER + "user", access_token=token)


async def main():
    app = Application(
        [("/sign-in(?:/callback)?", SignIn)],
        cookie_secret=os.environ.get("SECRET", "change this text of at least 32 bytes"),
    )
    app.listen(int(os.environ.get("PORT", 8888)), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
