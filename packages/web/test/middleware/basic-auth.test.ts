import { describe, expect, it } from 'vitest';
import {
  type BasicAuthOptions,
  type BasicAuthVerify,
  basicAuth,
  cors,
  RequestHandler,
} from '../../src/index.ts';
import { ask, bodyOf, headerOf, RawClient, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

class Shows extends RequestHandler {
  override get(): void {
    this.write({ user: this.state.user });
  }
}

const basic = (text: string | Uint8Array) =>
  `Authorization: Basic ${Buffer.from(text as string).toString('base64')}`;

async function withAuth(
  options: Omit<BasicAuthOptions, 'realm'>,
  test: (get: (...fields: string[]) => Promise<string>) => Promise<void>,
): Promise<void> {
  const middleware = [basicAuth({ realm: 'Inner "circle"', ...options })];
  await withApp([['/', Shows]], ({ port }) => test((...fields) => ask(port, '/', 'GET', ...fields)), {
    middleware,
  });
}

describe('basicAuth', () => {
  const users = { ada: 'lovelace', Zoë: 'pä:ss wörd' };

  it('lets users with the right password in', async () => {
    await withAuth({ users }, async (get) => {
      for (const [credentials, user] of [
        ['ada:lovelace', 'ada'],
        ['Zoë:pä:ss wörd', 'Zoë'],
        // The same text in NFD (RFC 7617 §2.1).
        ['Zoë:pä:ss wörd'.normalize('NFD'), 'Zoë'],
      ] as const) {
        const response = await get(basic(credentials));
        expect([statusOf(response), JSON.parse(Buffer.from(bodyOf(response), 'latin1').toString())]).toEqual([
          200,
          { user },
        ]);
      }
      expect(statusOf(await get(basic('ada:lovelace').replace('Basic ', 'bASIC  ')))).toBe(200);
    });
  });

  it('refuses everything else with 401 and a challenge', async () => {
    await withAuth({ users }, async (get) => {
      const wrong = [
        [],
        [basic('ada:lovelac')],
        [basic('ada:')],
        [basic('eve:lovelace')],
        [basic('eve:')],
        [basic(':')],
        [basic('ada')],
        [basic('__proto__:x')],
        [basic('ada:lovelace\0')],
        [basic('\ufeffada:lovelace')],
        [basic(Buffer.from('Zoë:pä:ss wörd', 'latin1'))],
        [basic('ada:lovelace'), basic('ada:lovelace')],
        ['Authorization: Basic'],
        ['Authorization: Basic ===='],
        ['Authorization: Basic YWRhOmxvdmVsYWNl!'],
        ['Authorization: Bearer YWRhOmxvdmVsYWNl'],
        [`Authorization: Basic ${'A'.repeat(20_000)}`],
      ];
      for (const fields of wrong) {
        const response = await get(...fields);
        expect(statusOf(response), fields.join()).toBe(401);
        expect(headerOf(response, 'WWW-Authenticate')).toBe(
          'Basic realm="Inner \\"circle\\"", charset="UTF-8"',
        );
      }
    });
  });

  it('asks verify, which may wait, and keeps what it returns as the user', async () => {
    const sync: BasicAuthVerify = (username, password) => password === 'x' && { id: 7, username };
    const waits: BasicAuthVerify = async (username, password, context) => {
      await new Promise((resolve) => setImmediate(resolve));
      if (username === 'broken') throw new Error('the database is down');
      return sync(username, password, context);
    };
    for (const verify of [sync, waits]) {
      await withAuth({ verify }, async (get) => {
        expect(bodyOf(await get(basic('ada:x')))).toBe('{"user":{"id":7,"username":"ada"}}');
        expect(statusOf(await get(basic('ada:y')))).toBe(401);
      });
    }
    await withAuth({ verify: waits }, async (get) =>
      expect(statusOf(await get(basic('broken:x')))).toBe(500),
    );
    await withAuth({ verify: () => true }, async (get) => {
      expect(bodyOf(await get(basic('ada:x')))).toBe('{"user":"ada"}');
    });
  });

  it('refuses a request before its body has arrived', async () => {
    await withApp(
      [['/', Shows]],
      async ({ port }) => {
        const client = await RawClient.connect(
          port,
          'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n',
        );
        expect(statusOf(await client.until('401: Unauthorized</h1></body>'))).toBe(401);
        client.close();
      },
      { middleware: [basicAuth({ realm: 'x', users })] },
    );
  });

  it('does not log names or passwords', async () => {
    await withApp(
      [['/', Shows]],
      async ({ port, log }) => {
        await ask(port, '/', 'GET', basic('mallory:secret'));
        expect(log.records.map(({ message }) => message)).toEqual([
          expect.stringContaining('401 Unauthorized: wrong name or password'),
        ]);
        expect(JSON.stringify(log.records)).not.toMatch(/mallory|secret/);
      },
      { middleware: [basicAuth({ realm: 'x', users })] },
    );
  });

  it('does not refuse the preflights of cors in front of it', async () => {
    await withApp(
      [['/', Shows]],
      async ({ port }) => {
        const fields = ['Origin: https://a.example', 'Access-Control-Request-Method: GET'];
        expect(statusOf(await ask(port, '/', 'OPTIONS', ...fields))).toBe(204);
        const refused = await ask(port, '/', 'GET', 'Origin: https://a.example');
        expect([statusOf(refused), headerOf(refused, 'Access-Control-Allow-Origin')]).toEqual([
          401,
          'https://a.example',
        ]);
      },
      {
        middleware: [
          cors({ origins: ['https://a.example'], credentials: true }),
          basicAuth({ realm: 'x', users }),
        ],
      },
    );
  });

  it('refuses invalid options when it is made', () => {
    const wrong: [unknown, string][] = [
      [{ realm: 'x' }, 'give either users or verify'],
      [{ realm: 'x', users, verify: () => true }, 'give either users or verify'],
      [{ users }, 'realm must be a string'],
      [{ realm: 'a\r\nb', users }, 'realm must be a string'],
      [{ realm: 'x', users: {} }, 'users must not be empty'],
      [{ realm: 'x', users: ['ada'] }, 'users must be an object'],
      [{ realm: 'x', users: { 'a:b': 'c' } }, 'must not contain a colon'],
      [{ realm: 'x', users: { ada: '' } }, 'the password of "ada" must be'],
      [{ realm: 'x', users: { ada: undefined } }, 'the password of "ada" must be'],
      [{ realm: 'x', verify: 'ada' }, 'verify: a function'],
      [{ realm: 'x', user: {} }, 'did you mean "users"?'],
    ];
    for (const [options, message] of wrong) {
      expect(() => basicAuth(options as BasicAuthOptions), message).toThrow(message);
    }
  });
});
