import { describe, expect, it } from 'vitest';
import {
  type ApplicationSettings,
  authenticated,
  CookieSecret,
  createSignedValue,
  encodeXsrfToken,
  makeXsrfToken,
  RequestHandler,
} from '../../src/index.ts';
import { scrambled } from '../fixtures/hostile-texts.ts';
import { ask, bodyOf, converse, headerOf, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

const cookieSecret = 'a secret of at least thirty-two bytes, for tests only';
const secret = new CookieSecret(cookieSecret);

const cookiesOf = (answer: string): string[] =>
  [...answer.matchAll(/^Set-Cookie: (.*)\r$/gm)].map((found) => found[1] as string);

function post(port: number, form: string, ...fields: readonly string[]): Promise<string> {
  const head = [
    'POST / HTTP/1.1',
    'Host: a',
    'Connection: close',
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${form.length}`,
    ...fields,
  ];
  return converse(port, `${head.join('\r\n')}\r\n\r\n${form}`);
}

class Reads extends RequestHandler {
  override get(): void {
    this.write({
      user: this.getSignedCookie('user') ?? null,
      admin: this.getSignedCookie('admin') ?? null,
      secret: this.cookies.getEncrypted('secret') ?? null,
      cookies: [...this.request.cookies],
    });
  }
  override post(): void {
    this.write('changed');
  }
}

async function read(port: number, cookie: string): Promise<Record<string, unknown>> {
  const answer = await ask(port, '/', 'GET', `Cookie: ${cookie}`);
  expect(statusOf(answer)).toBe(200);
  return JSON.parse(Buffer.from(bodyOf(answer), 'latin1').toString());
}

describe('a signed cookie', () => {
  it('is valid under its own name only [ATT-48] [CK-03]', () =>
    withApp(
      [['/', Reads]],
      async ({ port }) => {
        const value = createSignedValue(secret, 'user', 'ada');
        expect(await read(port, `user=${value}`)).toMatchObject({
          user: 'ada',
          admin: null,
        });
        expect(await read(port, `admin=${value}`)).toMatchObject({
          user: null,
          admin: null,
        });
        // The name takes a digit of the value, or the other way round.
        const moved = value.replace('|4:user|', '|5:admin|');
        expect(await read(port, `admin=${moved}`)).toMatchObject({
          admin: null,
        });
        expect(await read(port, `secret=${value}`)).toMatchObject({
          secret: null,
        });
      },
      { cookieSecret },
    ));

  it('that is malformed is missing, and never an error, whatever it has in it [ATT-49] [ATT-50] [CK-05]', () =>
    withApp(
      [['/', Reads]],
      async ({ port, log }) => {
        const value = createSignedValue(secret, 'user', 'ada');
        const malformed = [
          '',
          '|',
          '2|',
          '2|1:0',
          `1|${value.slice(2)}`,
          `3|${value.slice(2)}`,
          value.slice(0, -1),
          `${value}0`,
          value.slice(0, value.lastIndexOf('|') + 1),
          value.replace('|1:0|', '|1:9|'),
          value.replace('|1:0|', '|9:0|'),
          value.replace('|1:0|', '|-1:0|'),
          value.replace('|1:0|', '|1:x|'),
          // Version 1: value, time and signature.
          'YWRh|1300000000|0123456789abcdef0123456789abcdef01234567',
          'YWRhMTM|00000000|0123456789abcdef0123456789abcdef01234567',
          ...[...scrambled(value, 60, 7)].map((text) =>
            [...text].map((char) => (/[\x20-\x3a\x3c-\x7e\x80-\xff]/.test(char) ? char : '_')).join(''),
          ),
        ];
        for (const text of malformed) {
          const found = await read(port, `user=${text}; admin="${text}"; secret=${text}`);
          expect([text, found.user, found.admin, found.secret]).toEqual([text, null, null, null]);
        }
        expect(log.records).toEqual([]);
      },
      { cookieSecret },
    ));
});

describe('the settings of identity', () => {
  it('take several secrets by version, and write with keyVersion [APP-05] [CK-05]', async () => {
    const secrets = {
      1: 'an old secret of at least thirty-two bytes, for tests',
      2: 'a new secret of at least thirty-two bytes, for tests!',
    };
    class Signs extends Reads {
      override head(): void {
        this.setSignedCookie('user', 'ada');
      }
    }
    const serve = (settings: ApplicationSettings, test: (port: number) => Promise<void>) =>
      withApp([['/', Signs]], ({ port }) => test(port), settings);
    let old = '';
    await serve({ cookieSecret: secrets, keyVersion: 1 }, async (port) => {
      old = cookiesOf(await ask(port, '/', 'HEAD'))[0]?.split(';')[0] as string;
      expect(old).toContain('|1:1|');
    });
    await serve({ cookieSecret: secrets, keyVersion: 2 }, async (port) => {
      expect(await read(port, old)).toMatchObject({ user: 'ada' });
      expect(cookiesOf(await ask(port, '/', 'HEAD'))[0]).toContain('|1:2|');
    });
    await serve({ cookieSecret: { 2: secrets[2] }, keyVersion: 2 }, async (port) => {
      expect(await read(port, old)).toMatchObject({ user: null });
    });
  });

  it('name the XSRF cookie and its attributes, which no request changes for the next [APP-05] [XS-03] [ATT-54]', async () => {
    const xsrfCookieAttributes = Object.freeze({
      expiresDays: 30,
      sameSite: 'strict',
    }) as {
      expiresDays: number;
    };
    class Forms extends RequestHandler {
      override get(): void {
        if (this.getArgument('user', '') !== '') this.setSignedCookie('user', 'ada');
        this.write(this.xsrfToken);
      }
      override post(): void {
        this.write('changed');
      }
    }
    await withApp(
      [['/', Forms]],
      async ({ port }) => {
        const strip = (line: string | undefined) =>
          line?.replace(/Expires=[^;]+/, 'Expires').replace(/=2\|[^;]+/, '=…');
        const first = strip(cookiesOf(await ask(port, '/')).at(-1));
        await ask(port, '/?user=1');
        const anonymous = await ask(port, '/');
        expect([first, strip(cookiesOf(anonymous).at(-1))]).toEqual([first, first]);
        expect(first).toMatch(/^__Host-xsrf="?=…|^__Host-xsrf=/);
        expect(first).toMatch(/; Path=\/;.*Secure.*SameSite=Strict/);
        const token = encodeURIComponent(bodyOf(anonymous));
        const cookie = cookiesOf(anonymous).at(-1)?.split(';')[0];
        expect(statusOf(await post(port, `_xsrf=${token}`, `Cookie: ${cookie}`))).toBe(200);
        expect(
          statusOf(await post(port, `_xsrf=${token}`, `Cookie: ${cookie?.replace('__Host-xsrf', '_xsrf')}`)),
        ).toBe(403);
      },
      {
        cookieSecret,
        xsrfCookies: true,
        xsrfCookieName: '__Host-xsrf',
        xsrfCookieAttributes,
      },
    );
  });
});

describe('an XSRF token', () => {
  const token = encodeXsrfToken({ token: Buffer.alloc(16, 7), seconds: 1_300_000_000 });
  const other = encodeXsrfToken({ token: Buffer.alloc(16, 8), seconds: 1_300_000_000 });
  const field = `_xsrf=${encodeURIComponent(token)}`;

  function send(port: number, method: string, target: string, ...fields: readonly string[]): Promise<string> {
    const head = [
      `${method} ${target} HTTP/1.1`,
      'Host: a',
      'Connection: close',
      'Content-Length: 0',
      ...fields,
    ];
    return converse(port, `${head.join('\r\n')}\r\n\r\n`);
  }

  it('may be in the query, the form or either header, of version 1 or 2; all methods but three need one [XS-01] [XS-02]', () => {
    class Anything extends RequestHandler {
      override all(): void {
        this.write('changed');
      }
    }
    return withApp(
      [['/', Anything]],
      async ({ port }) => {
        const cookie = `Cookie: _xsrf=${token}`;
        const plain = '07'.repeat(16);
        const statuses = async (...sent: readonly Promise<string>[]) =>
          (await Promise.all(sent)).map(statusOf);
        expect(
          await statuses(
            send(port, 'POST', `/?${field}`, cookie),
            post(port, field, cookie),
            send(port, 'POST', '/', cookie, `X-XSRFToken: ${token}`),
            send(port, 'PUT', '/', cookie, `X-CSRFToken: ${token}`),
            send(port, 'DELETE', `/?_xsrf=${plain}`, cookie),
            send(port, 'PROPFIND', `/?${field}`, `Cookie: _xsrf=${plain}`),
            ...['GET', 'HEAD', 'OPTIONS'].map((method) => send(port, method, '/')),
          ),
        ).toEqual([200, 200, 200, 200, 200, 200, 200, 200, 200]);
        expect(
          await statuses(
            send(port, 'POST', `/?_xsrf=${encodeURIComponent(other)}`, cookie),
            send(port, 'POST', `/?_xsrf=`, cookie),
            send(port, 'POST', `/?_xsrf=3%7C1%7C2%7C3`, cookie),
            send(port, 'POST', `/?_xsrf=${plain.slice(2)}`, cookie),
            send(port, 'POST', `/?${field}`, 'Cookie: _xsrf=3|1|2|3'),
            send(port, 'PROPFIND', '/', cookie),
          ),
        ).toEqual([403, 403, 403, 403, 403, 403]);
      },
      { xsrfCookies: true },
    );
  });
});

describe('a Cookie header', () => {
  it.each([
    'a="b; _xsrf=@"',
    'a="b; _xsrf=@; c"',
    "a='b; _xsrf=@'",
    'a=[b; _xsrf=@]',
    'a=b, _xsrf=@',
    'a=b\t_xsrf=@',
    'a=b%3B _xsrf=@',
    'a="\\073 _xsrf=@"',
    'a=b&_xsrf=@',
    '"_xsrf=@',
    '_xsrf\x80=@',
    '$_xsrf=@',
  ])('has the cookies that a browser sent, and no phantom: %s [ATT-53]', (pattern) =>
    withApp(
      [['/', Reads]],
      async ({ port }) => {
        const evil = encodeXsrfToken(makeXsrfToken());
        const header = pattern.replace('@', evil);
        // What a browser would have stored, whose cookies never contain a semicolon.
        const pairs = header.split(';').map((pair) => pair.trim());
        const isSent = pairs.some((pair) => pair.startsWith('_xsrf='));
        const answer = await post(port, `_xsrf=${encodeURIComponent(evil)}`, `Cookie: ${header}`);
        const isExact = pairs.includes(`_xsrf=${evil}`);
        expect(statusOf(answer)).toBe(isExact ? 200 : 403);
        const { cookies } = await read(port, header);
        expect((cookies as [string, string][]).some(([name]) => name === '_xsrf')).toBe(isSent);
      },
      { cookieSecret, xsrfCookies: true },
    ),
  );
});

describe('currentUser', () => {
  it('is asked for once, or assigned in prepare [US-01]', async () => {
    let asked = 0;
    class Asks extends RequestHandler {
      override prepare(): void {
        if (this.request.query === 'assigned') this.currentUser = 'grace' as never;
      }
      override getCurrentUser(): string {
        asked += 1;
        return 'ada';
      }
      override get = authenticated(function (this: RequestHandler) {
        this.write(`${this.currentUser} ${this.currentUser}`);
      });
    }
    await withApp([['/', Asks]], async ({ port }) => {
      expect(bodyOf(await ask(port, '/'))).toBe('ada ada');
      expect(asked).toBe(1);
      expect(bodyOf(await ask(port, '/?assigned'))).toBe('grace grace');
      expect(asked).toBe(1);
    });
  });

  it.each([
    ['/login', '/login?next=%2Fa%3Fb%3D1'],
    ['https://id.example/login', 'https://id.example/login?next=http%3A%2F%2Fexample.com%2Fa%3Fb%3D1'],
    ['/login?tenant=1', '/login?tenant=1'],
  ])('that is missing leads GET and HEAD to %s, and is a 403 to others [US-01]', (loginUrl, location) => {
    const verb = authenticated(function (this: RequestHandler) {
      this.write('secret');
    });
    class Guarded extends RequestHandler {
      override get = verb;
      override post = verb;
      override delete = verb;
    }
    return withApp(
      [['/a', Guarded]],
      async ({ port }) => {
        for (const method of ['GET', 'HEAD']) {
          const answer = await ask(port, '/a?b=1', method);
          expect([statusOf(answer), headerOf(answer, 'Location')]).toEqual([302, location]);
        }
        for (const method of ['POST', 'DELETE']) {
          const answer = await ask(port, '/a?b=1', method);
          expect([statusOf(answer), headerOf(answer, 'Location'), answer.includes('secret')]).toEqual([
            403,
            undefined,
            false,
          ]);
        }
      },
      { loginUrl },
    );
  });
});
