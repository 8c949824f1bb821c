import { describe, expect, it } from 'vitest';
import {
  Application,
  authenticated,
  ErrorHandler,
  HTTPError,
  type Middleware,
  RequestHandler,
  safeNext,
} from '../../src/index.ts';
import { ask, bodyOf, headerOf, RawClient, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

const cookieSecret = 'a secret of at least thirty-two bytes, for tests only';
const settings = { cookieSecret, loginUrl: '/login', xsrfCookies: true };

const cookiesOf = (answer: string): string[] =>
  answer
    .split('\r\n')
    .filter((line) => line.startsWith('Set-Cookie: '))
    .map((line) => line.slice('Set-Cookie: '.length));

/** What a browser would send back. */
const sentBack = (answer: string): string =>
  `Cookie: ${cookiesOf(answer)
    .map((line) => line.split(';')[0])
    .join('; ')}`;

async function post(port: number, path: string, form: string, ...fields: readonly string[]): Promise<string> {
  const head = [
    `POST ${path} HTTP/1.1`,
    'Host: a',
    'Connection: close',
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${form.length}`,
    ...fields,
  ];
  const client = await RawClient.connect(port, `${head.join('\r\n')}\r\n\r\n${form}`);
  return client.untilEnd();
}

class BaseHandler extends RequestHandler {
  override getCurrentUser(): string | undefined {
    return this.getSignedCookie('user');
  }
}

class Login extends BaseHandler {
  override get(): void {
    this.write(this.xsrfToken);
  }

  override post(): void {
    this.setSignedCookie('user', this.getBodyArgument('name'));
    this.redirect(safeNext(this.getArgument('next', '/')) ?? '/');
  }
}

class Account extends BaseHandler {
  override get = authenticated(function (this: BaseHandler) {
    this.write(`hello ${this.currentUser}`);
  });

  override post = authenticated(function (this: BaseHandler) {
    this.write('changed');
  });
}

const routes = [
  ['/login', Login],
  ['/account', Account],
] as const;

describe('cookies of a handler', () => {
  it('are set with strict attributes, and survive an error page [CK-01] [ATT-37]', () => {
    class Sets extends RequestHandler {
      override get(): void {
        this.setCookie('a', '1', { path: '/', maxAge: 60 });
        this.setCookie('a', '2');
        this.clearCookie('b');
        if (this.getArgument('fail', '') !== '') throw new HTTPError(418);
      }

      override put(): void {
        this.setCookie('a', 'x', { path: '/; HttpOnly=no' });
      }
    }
    return withApp([['/', Sets]], async ({ port }) => {
      for (const path of ['/', '/?fail=1']) {
        const [first, second] = cookiesOf(await ask(port, path));
        expect(first).toBe('a=2; Path=/; SameSite=Lax');
        expect(second).toMatch(/^b=; /);
      }
      const refused = await ask(port, '/', 'PUT');
      expect([statusOf(refused), cookiesOf(refused)]).toEqual([500, []]);
    });
  });

  it('can be set by middleware, and are read by get [CK-02]', () => {
    const counts: Middleware = ({ response }, next) => {
      response.cookies.set('seen', `${Number(response.cookies.get('seen') ?? 0) + 1}`);
      return next();
    };
    class Shows extends RequestHandler {
      override get(): void {
        this.write(this.getCookie('seen', 'never'));
      }
    }
    return withApp(
      [['/', Shows]],
      async ({ port }) => {
        const first = await ask(port, '/');
        expect([bodyOf(first), cookiesOf(first)[0]?.slice(0, 6)]).toEqual(['never', 'seen=1']);
        expect(bodyOf(await ask(port, '/', 'GET', sentBack(first)))).toBe('1');
        expect(cookiesOf(await ask(port, '/nowhere'))).toHaveLength(1);
      },
      { middleware: [counts] },
    );
  });

  it('are refused by name without a secret, or with a short one [CK-05]', async () => {
    class Signs extends RequestHandler {
      override get(): void {
        this.setSignedCookie('a', 'b');
      }
    }
    await withApp([['/', Signs]], async ({ port, log }) => {
      expect(statusOf(await ask(port, '/'))).toBe(500);
      expect(log.records[0]?.error).toMatchObject({
        message: expect.stringContaining('needs the setting cookieSecret'),
      });
    });
    expect(() => new Application([], { cookieSecret: 'short' })).toThrow('must be at least 32 bytes, got 5');
    expect(() => new Application([], { publicOrigin: 'example.com' })).toThrow('publicOrigin');
    expect(() => new Application([], { xsrfCookieName: 'a b' })).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP1_USAGE' }),
    );
  });
});

describe('a login', () => {
  it('by a signed cookie, with XSRF protection, and back to where it began [US-01] [XS-01] [XS-02]', () =>
    withApp(
      routes,
      async ({ port }) => {
        const asked = await ask(port, '/account');
        expect([statusOf(asked), headerOf(asked, 'Location')]).toEqual([302, '/login?next=%2Faccount']);
        const form = await ask(port, '/login');
        const token = encodeURIComponent(bodyOf(form));
        const done = await post(port, '/login', `name=ada&next=%2Faccount&_xsrf=${token}`, sentBack(form));
        expect([statusOf(done), headerOf(done, 'Location')]).toEqual([302, '/account']);
        expect(cookiesOf(done)[0]).toMatch(/^user="?2\|.*HttpOnly/);
        const cookies = `${sentBack(form)}; ${sentBack(done).slice('Cookie: '.length)}`;
        expect(bodyOf(await ask(port, '/account', 'GET', cookies))).toBe('hello ada');
        expect(bodyOf(await post(port, '/account', `_xsrf=${token}`, cookies))).toBe('changed');
        expect(bodyOf(await post(port, '/account', '', cookies, `X-XSRFToken: ${bodyOf(form)}`))).toBe(
          'changed',
        );
      },
      settings,
    ));

  it('is refused without a valid token, from another site or origin, and without a user [XS-01] [ATT-51]', () =>
    withApp(
      routes,
      async ({ port }) => {
        const form = await ask(port, '/login');
        const token = encodeURIComponent(bodyOf(form));
        const good = `name=ada&_xsrf=${token}`;
        const statuses = [
          await post(port, '/login', 'name=ada', sentBack(form)),
          await post(port, '/login', 'name=ada', sentBack(form), 'X-Requested-With: XMLHttpRequest'),
          await post(port, '/login', good),
          await post(port, '/login', 'name=ada&_xsrf=2%7C00000000%7C00%7C1', sentBack(form)),
          await post(port, '/login', good, sentBack(form), 'Sec-Fetch-Site: cross-site'),
          await post(port, '/login', good, sentBack(form), 'Origin: http://evil.example'),
          await post(port, '/account', good, sentBack(form)),
        ].map(statusOf);
        expect(statuses).toEqual([403, 403, 403, 403, 403, 403, 403]);
        expect(statusOf(await post(port, '/login', good, sentBack(form), 'Origin: http://a'))).toBe(302);
        expect(statusOf(await post(port, '/nowhere', ''))).toBe(404);
      },
      settings,
    ));

  it('masks the token anew for each page [ATT-52]', () =>
    withApp(
      routes,
      async ({ port }) => {
        const form = await ask(port, '/login');
        const again = await ask(port, '/login', 'GET', sentBack(form));
        expect(cookiesOf(again)).toEqual([]);
        expect(bodyOf(again)).not.toBe(bodyOf(form));
        for (const page of [form, again]) {
          const sent = `name=x&_xsrf=${encodeURIComponent(bodyOf(page))}`;
          expect(statusOf(await post(port, '/login', sent, sentBack(form)))).toBe(302);
        }
      },
      settings,
    ));

  it('may be asynchronous', () => {
    class Asks extends RequestHandler {
      override async getCurrentUser(): Promise<string | null> {
        await new Promise((resolve) => setImmediate(resolve));
        return this.getArgument('user', '') === '' ? null : 'ada';
      }

      override get = authenticated(function (this: RequestHandler) {
        this.write(`hello ${this.currentUser}`);
      });

      override head(): void {
        this.write(`${this.currentUser}`);
      }
    }
    return withApp(
      [['/', Asks]],
      async ({ port, log }) => {
        expect(bodyOf(await ask(port, '/?user=1'))).toBe('hello ada');
        expect(headerOf(await ask(port, '/'), 'Location')).toBe('/login?next=%2F');
        expect(statusOf(await ask(port, '/', 'HEAD'))).toBe(500);
        expect(log.records[0]?.error).toMatchObject({
          message: expect.stringContaining('getCurrentUser returned a promise'),
        });
      },
      { loginUrl: '/login' },
    );
  });
});

describe('the setting hosts', () => {
  it('refuses requests for other hosts with 421 [ATT-56]', () =>
    withApp(
      [['/', Login]],
      async ({ port }) => {
        const status = async (host: string): Promise<number> => {
          const client = await RawClient.connect(
            port,
            `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
          );
          return statusOf(await client.untilEnd());
        };
        expect(await status('example.com:8888')).toBe(200);
        expect(await status('API.example.com')).toBe(200);
        for (const host of ['evil.example', 'example.com.evil', 'a.b.example.com', 'xexample.com'])
          expect([host, await status(host)]).toEqual([host, 421]);
        expect(() => new Application([], { hosts: ['a b'] })).toThrow('hosts: an array of names');
        expect(ErrorHandler.streamRequestBody).toBe(true);
      },
      { hosts: ['example.com', '*.example.com'] },
    ));
});
