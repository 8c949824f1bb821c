// What the chapter "Authentication and security" of Tornado's guide shows, as programs for this package, each complete:
// nothing but its public names, and Node's `fetch` as the client. Logins by other sites are not built yet.
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { Application, authenticated, RequestHandler, safeNext } from '../../src/index.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const local = { port: 0, host: '127.0.0.1' };
const cookieSecret = randomBytes(32);

/** What a browser sends back of the cookies that a response has set. */
const sentBack = (response: Response): string =>
  response.headers
    .getSetCookie()
    .map((line) => line.split(';', 1)[0])
    .join('; ');

describe('a cookie', () => {
  it('is set once, and read at each later visit [CK-01] [IN-04]', async () => {
    class Main extends RequestHandler {
      override get(): void {
        if (this.getCookie('mycookie') !== undefined) this.write('Your cookie was set!');
        else {
          this.setCookie('mycookie', 'myvalue');
          this.write('Your cookie was not set yet!');
        }
      }
    }
    await using server = await new Application([['/', Main]]).listen(local);
    const first = await fetch(server.url);
    expect(await first.text()).toBe('Your cookie was not set yet!');
    const second = await fetch(server.url, { headers: { Cookie: sentBack(first) } });
    expect(await second.text()).toBe('Your cookie was set!');
  });

  class Visits extends RequestHandler {
    override get(): void {
      const count = Number(this.getSignedCookie('visits', { maxAgeDays: 7 }) ?? '0') + 1;
      this.setSignedCookie('visits', String(count));
      this.write(`visit ${count}`);
    }
  }

  it('that is signed can be read by its client, but not changed [CK-03] [CK-05]', async () => {
    await using server = await new Application([['/', Visits]], { cookieSecret }).listen(local);
    const cookie = sentBack(await fetch(server.url));
    const visit = async (Cookie: string): Promise<string> =>
      (await fetch(server.url, { headers: { Cookie } })).text();
    expect(await visit(cookie)).toBe('visit 2');
    const value = Buffer.from('1').toString('base64');
    expect(cookie).toContain(value);
    expect(await visit(cookie.replace(value, Buffer.from('9').toString('base64')))).toBe('visit 1');
  });

  it('that is signed outlives a change of the secret, until the old version is removed [CK-03]', async () => {
    const newSecret = randomBytes(32);
    const visit = async (settings: object, cookie = ''): Promise<Response> => {
      await using server = await new Application([['/', Visits]], settings).listen(local);
      const response = await fetch(server.url, { headers: { Cookie: cookie } });
      await response.clone().text();
      return response;
    };
    const old = sentBack(await visit({ cookieSecret }));
    const both = await visit({ cookieSecret: { 0: cookieSecret, 1: newSecret }, keyVersion: 1 }, old);
    expect(await both.text()).toBe('visit 2');
    const onlyNew = { cookieSecret: { 1: newSecret }, keyVersion: 1 };
    expect(await (await visit(onlyNew, sentBack(both))).text()).toBe('visit 3');
    expect(await (await visit(onlyNew, old)).text()).toBe('visit 1');
  });
});

describe('a user', () => {
  class BaseHandler extends RequestHandler {
    override getCurrentUser(): string | undefined {
      return this.getSignedCookie('user');
    }
  }

  class Main extends BaseHandler {
    override get = authenticated(function (this: Main) {
      this.write(`Hello, ${this.currentUser}`);
    });
    override post = authenticated(function (this: Main) {
      this.write('done');
    });
  }

  class Login extends BaseHandler {
    override get(): void {
      const next = encodeURIComponent(this.getQueryArgument('next', '/'));
      this.write(`<form action="/login?next=${next}" method="post">Name: <input name="name"></form>`);
    }
    override post(): void {
      this.setSignedCookie('user', this.getBodyArgument('name'));
      this.redirect(safeNext(this.getQueryArgument('next')) ?? '/');
    }
  }

  class Logout extends BaseHandler {
    override post(): void {
      this.clearCookie('user');
      this.redirect('/login');
    }
  }

  const routes = [
    ['/', Main],
    ['/account', Main],
    ['/login', Login],
    ['/logout', Logout],
  ] as const;

  it('is sent to the login page, from there to where it wanted to go, and out again [US-01]', async () => {
    await using server = await new Application(routes, { cookieSecret, loginUrl: '/login' }).listen(local);
    const asked = await fetch(`${server.url}/account?page=2`, { redirect: 'manual' });
    expect([asked.status, asked.headers.get('Location')]).toEqual([302, '/login?next=%2Faccount%3Fpage%3D2']);
    const form = await (await fetch(server.url + asked.headers.get('Location'))).text();
    const action = /action="([^"]+)"/.exec(form)?.[1] ?? '';
    const body = new URLSearchParams({ name: 'Ada' });
    const entered = await fetch(server.url + action, { method: 'POST', body, redirect: 'manual' });
    expect([entered.status, entered.headers.get('Location')]).toEqual([302, '/account?page=2']);
    const headers = { Cookie: sentBack(entered) };
    expect(await (await fetch(`${server.url}/account?page=2`, { headers })).text()).toBe('Hello, Ada');
    const left = await fetch(`${server.url}/logout`, { method: 'POST', headers, redirect: 'manual' });
    expect(left.headers.getSetCookie()).toEqual([expect.stringMatching(/^user=; .*Expires=/i)]);
  });

  it('refuses methods other than GET and HEAD if no user is logged in [US-01]', async () => {
    const app = new Application(routes, { cookieSecret, loginUrl: '/login', logger: silent });
    await using server = await app.listen(local);
    expect((await fetch(server.url, { method: 'POST' })).status).toBe(403);
    expect((await fetch(server.url, { method: 'HEAD', redirect: 'manual' })).status).toBe(302);
  });

  it('is not led to another site by the link to the login page [US-01]', async () => {
    await using server = await new Application(routes, { cookieSecret, loginUrl: '/login' }).listen(local);
    const body = new URLSearchParams({ name: 'Ada' });
    const url = `${server.url}/login?next=${encodeURIComponent('//evil.example/')}`;
    const entered = await fetch(url, { method: 'POST', body, redirect: 'manual' });
    expect(entered.headers.get('Location')).toBe('/');
  });

  it('may be found in prepare, by something that takes time [US-01]', async () => {
    const names = async (id: string): Promise<string> => Promise.resolve(`user ${id}`);
    class Asynchronous extends RequestHandler {
      override async prepare(): Promise<void> {
        const id = this.getSignedCookie('id');
        if (id !== undefined) this.currentUser = await names(id);
      }
      override getCurrentUser(): string | undefined {
        return undefined;
      }
      override get = authenticated(function (this: Asynchronous) {
        this.write(this.currentUser ?? '');
      });
      override post(): void {
        this.setSignedCookie('id', '7');
      }
    }
    const app = new Application([['/', Asynchronous]], { cookieSecret, loginUrl: 'https://login.example/' });
    await using server = await app.listen(local);
    const Cookie = sentBack(await fetch(server.url, { method: 'POST' }));
    expect(await (await fetch(server.url, { headers: { Cookie } })).text()).toBe('user 7');
    const asked = await fetch(server.url, { redirect: 'manual' });
    expect(asked.headers.get('Location')).toBe(
      `https://login.example/?next=${encodeURIComponent(`${server.url}/`)}`,
    );
  });
});

describe('a request that another site may have caused', () => {
  class Page extends RequestHandler {
    override get(): void {
      this.write(`<form method="post"><input type="hidden" name="_xsrf" value="${this.xsrfToken}"></form>`);
    }
    override post(): void {
      this.write('posted');
    }
    override delete(): void {
      this.write('deleted');
    }
  }

  /** Its clients have a key instead of cookies, which no other site can send. */
  class Api extends RequestHandler {
    override checkXsrfCookie(): void {}
    override post(): void {
      this.write('posted to the API');
    }
  }

  const routes = [
    ['/', Page],
    ['/api', Api],
  ] as const;

  it('is refused, unless a form has sent the token of its page as a field [XS-01] [XS-02]', async () => {
    await using server = await new Application(routes, { xsrfCookies: true, logger: silent }).listen(local);
    const page = await fetch(server.url);
    const headers = { Cookie: sentBack(page) };
    const token = /value="([^"]+)"/.exec(await page.text())?.[1] ?? '';
    const post = (fields: Record<string, string>, more: object = {}): Promise<Response> =>
      fetch(server.url, {
        method: 'POST',
        body: new URLSearchParams(fields),
        headers: { ...headers, ...more },
      });
    expect(await (await post({ _xsrf: token })).text()).toBe('posted');
    expect((await post({})).status).toBe(403);
    expect((await post({ _xsrf: token }, { Cookie: '' })).status).toBe(403);
    expect((await post({ _xsrf: token }, { Origin: 'https://evil.example' })).status).toBe(403);
    const body = new FormData();
    body.append('_xsrf', token);
    expect(await (await fetch(server.url, { method: 'POST', body, headers })).text()).toBe('posted');
  });

  it('is refused, unless a script has sent its cookie as a header [XS-01]', async () => {
    await using server = await new Application(routes, { xsrfCookies: true, logger: silent }).listen(local);
    const cookie = sentBack(await fetch(server.url));
    // What a script of the page reads from document.cookie.
    const token = /(?:^|; )_xsrf="?([^;"]+)/.exec(cookie)?.[1] ?? '';
    const remove = (headers: Record<string, string>): Promise<Response> =>
      fetch(server.url, { method: 'DELETE', headers: { Cookie: cookie, ...headers } });
    expect(await (await remove({ 'X-XSRFToken': token })).text()).toBe('deleted');
    expect((await remove({})).status).toBe(403);
    expect((await remove({ 'X-XSRFToken': token.replace(/..\|/, '00|') })).status).toBe(403);
  });

  it('is let in by a handler that knows its clients otherwise [XS-01]', async () => {
    await using server = await new Application(routes, { xsrfCookies: true }).listen(local);
    expect(await (await fetch(`${server.url}/api`, { method: 'POST' })).text()).toBe('posted to the API');
  });

  it('needs a cookie whose name and attributes the application chooses [XS-03]', async () => {
    const xsrf = {
      xsrfCookieName: 'forgery',
      xsrfCookieAttributes: { sameSite: 'strict', maxAge: 3600 },
    } as const;
    await using server = await new Application(routes, { xsrfCookies: true, ...xsrf }).listen(local);
    const [cookie] = (await fetch(server.url)).headers.getSetCookie();
    expect(cookie).toMatch(/^forgery=.*; Max-Age=3600; .*SameSite=Strict/i);
  });
});

describe('DNS rebinding', () => {
  it('has no effect on an application that names its hosts [ATT-56]', async () => {
    class Secret extends RequestHandler {
      override get(): void {
        this.write('secret');
      }
    }
    await using server = await new Application([['/', Secret]], { hosts: ['localhost'] }).listen(local);
    const statusFor = (host: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        request({ port: server.port, host: '127.0.0.1', headers: { Host: host } }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
          .on('error', reject)
          .end();
      });
    expect(await statusFor(`localhost:${server.port}`)).toBe(200);
    expect(await statusFor('attacker.example')).toBe(421);
  });
});
