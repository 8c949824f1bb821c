// Log in and out: signed cookies, the current user, and protection against forged requests.
import { Application, authenticated, html, RequestHandler } from 'landspout';

const SECRET = process.env.SECRET ?? 'change this text of at least 32 bytes';

class BaseHandler extends RequestHandler {
  override getCurrentUser(): string | undefined {
    return this.getSignedCookie('user');
  }
}

class Home extends BaseHandler {
  override get = authenticated(function (this: Home): void {
    this.write(html`Hello, ${this.currentUser}`);
  });
}

class Login extends BaseHandler {
  override get(): void {
    const token = this.xsrfFormHtml();
    this.write(html`<form method="post">${token}<input name="name"><button>Log in</button></form>`);
  }

  override post(): void {
    this.setSignedCookie('user', this.getBodyArgument('name'));
    this.redirect('/');
  }
}

class Logout extends BaseHandler {
  override post(): void {
    this.clearCookie('user');
    this.redirect('/login');
  }
}

const routes = [
  ['/', Home],
  ['/login', Login],
  ['/logout', Logout],
] as const;
const app = new Application(routes, {
  cookieSecret: SECRET,
  loginUrl: '/login',
  xsrfCookies: true,
});

const server = await app.listen({ port: process.env.PORT ?? 8888, host: '127.0.0.1' });
console.log(`listening on ${server.url}`);
