import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { Application, type RouteSpec } from '@landspout/web';
import { beforeEach, describe, expect, it } from 'vitest';
import { WebSocketHandler } from '../../src/index.ts';
import { ACCEPT, KEY, RawClient, upgradeText } from '../fixtures/raw-client.ts';
import { RecordingHandler } from '../fixtures/recording-handler.ts';
import { until, withApp } from '../fixtures/running-application.ts';

const VERSION_AND_KEY = { 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': KEY };

beforeEach(() => RecordingHandler.reset());

/** Responses of one application, each on a connection of its own. */
async function answerTo(handler: typeof RecordingHandler, text: string): Promise<RawClient> {
  let answer: RawClient | undefined;
  await withApp([['/', handler]], async ({ port }) => {
    answer = await RawClient.ask(port, text);
  });
  return answer as RawClient;
}

describe('WebSocketHandler, opening', () => {
  it('answers the key, with the default headers and without those of a body [WS-01]', async () => {
    const { head } = await answerTo(RecordingHandler, upgradeText('/'));
    expect(head).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
    expect(head).toContain(`\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n`);
    expect(head).toMatch(/\r\nUpgrade: websocket\r\n/);
    expect(head).toMatch(/\r\nConnection: Upgrade\r\n/i);
    expect(head).toMatch(/\r\nServer: Landspout\r\n/);
    expect(head).toMatch(/\r\nDate: /);
    expect(head).not.toMatch(/Content-|Transfer-Encoding|Sec-WebSocket-Extensions|Sec-WebSocket-Protocol/i);
  });

  it.each([
    ['no Upgrade', { Upgrade: undefined }, 400],
    ['another protocol', { Upgrade: 'h2c' }, 400],
    ['no Connection', { Connection: undefined }, 400],
    ['Connection without upgrade', { Connection: 'keep-alive' }, 400],
    ['no key', { 'Sec-WebSocket-Key': undefined }, 400],
    ['a key of another length', { 'Sec-WebSocket-Key': 'AAAA' }, 400],
    ['no version', { 'Sec-WebSocket-Version': undefined }, 400],
    ['an old version', { 'Sec-WebSocket-Version': '8' }, 426],
    ['no Host', { Host: undefined }, 400],
    ['subprotocols that are no tokens', { 'Sec-WebSocket-Protocol': 'a b' }, 400],
  ])('refuses a request with %s [WS-01, ATT-71]', async (_what, changes, status) => {
    const answer = await answerTo(RecordingHandler, upgradeText('/', changes));
    expect(answer.status).toBe(status);
    expect(RecordingHandler.opened).toEqual([]);
    if (status === 426) expect(answer.field('Sec-WebSocket-Version')).toBe('13');
  });

  it('takes Upgrade in any case, and Connection among other options [WS-01]', async () => {
    const changes = { Upgrade: 'WebSocket', Connection: 'keep-alive, upgrade' };
    expect((await answerTo(RecordingHandler, upgradeText('/', changes))).status).toBe(101);
  });

  it('refuses HTTP/1.0 with 400, and every other method with 405 [WS-01, ATT-71]', async () => {
    const text = upgradeText('/');
    expect((await answerTo(RecordingHandler, text.replace('HTTP/1.1', 'HTTP/1.0'))).status).toBe(400);
    const post = await answerTo(RecordingHandler, text.replace('GET', 'POST'));
    expect([post.status, post.field('Allow')]).toEqual([405, expect.stringContaining('GET')]);
    expect((await answerTo(RecordingHandler, text.replace('GET', 'HEAD'))).status).toBe(405);
  });

  it.each([
    'null',
    'http://other.com',
    'http://example.com.evil.org',
    'http://sub.example.com',
    'http://example.co',
    'http://xexample.com',
    'http://example.com:81',
    'http://example.com, http://example.com',
  ])('refuses a page of %s with 403 [WS-02, ATT-55]', async (origin) => {
    expect((await answerTo(RecordingHandler, upgradeText('/', { Origin: origin }))).status).toBe(403);
    expect(RecordingHandler.opened).toEqual([]);
  });

  it.each([
    ['http://example.com', 'example.com'],
    ['http://EXAMPLE.com', 'Example.COM'],
    ['http://example.com:80', 'example.com'],
    ['https://example.com', 'example.com'],
    ['http://[::1]:8080', '[::1]:8080'],
  ])('lets a page of %s connect to %s [WS-02, ATT-55]', async (origin, host) => {
    expect((await answerTo(RecordingHandler, upgradeText('/', { Origin: origin, Host: host }))).status).toBe(
      101,
    );
  });

  it('asks checkOrigin, and takes nothing but true for an answer [WS-02]', async () => {
    class Open extends RecordingHandler {
      override checkOrigin(origin: string): boolean {
        return origin === 'http://friend.com';
      }
    }
    class Promises extends RecordingHandler {
      override checkOrigin(): boolean {
        return Promise.resolve(true) as unknown as boolean;
      }
    }
    expect((await answerTo(Open, upgradeText('/', { Origin: 'http://friend.com' }))).status).toBe(101);
    expect((await answerTo(Open, upgradeText('/', { Origin: 'http://example.com' }))).status).toBe(403);
    expect((await answerTo(Promises, upgradeText('/', { Origin: 'http://example.com' }))).status).toBe(403);
  });

  it('says which origin it refuses and what to do, once in the log and in the response [WS-02, ATT-55]', async () => {
    class Friends extends RecordingHandler {
      override checkOrigin(origin: string): boolean {
        return origin === 'http://friend.com';
      }
    }
    class Promises extends RecordingHandler {
      override checkOrigin(): boolean {
        return Promise.resolve(true) as unknown as boolean;
      }
    }
    const routes: RouteSpec[] = [
      ['/', RecordingHandler],
      ['/friends', Friends],
      ['/promises', Promises],
    ];
    await withApp(routes, async ({ url, log }) => {
      const refusalOf = async (path: string, origin: string) => {
        const headers = {
          Origin: origin,
          Upgrade: 'websocket',
          Connection: 'Upgrade',
          Accept: 'application/json',
          ...VERSION_AND_KEY,
        };
        const [response] = await once(
          request(`${url.replace('ws', 'http')}${path}`, { headers }).end(),
          'response',
        );
        response.setEncoding('utf8');
        const { detail } = JSON.parse((await response.toArray()).join(''));
        return { status: response.statusCode, type: response.headers['content-type'], detail };
      };
      const host = JSON.stringify(new URL(url).host);
      const here = 'may not open a WebSocket here';
      const expected = [
        `the origin "http://evil.example" ${here}: it does not match the host of the request, ${host}; add it to allowedOrigins, or set publicOrigin`,
        `the origin "http://example.com" ${here}: checkOrigin did not return true`,
        `the origin "null" ${here}: checkOrigin did not return true, but a Promise (await it?)`,
        `the origin "http://${'x'.repeat(53)}…" ${here}: checkOrigin did not return true`,
      ];
      const refusals = [
        await refusalOf('/', 'http://evil.example'),
        await refusalOf('/friends', 'http://example.com'),
        await refusalOf('/promises', 'null'),
        await refusalOf('/friends', `http://${'x'.repeat(5_000)}`),
      ];
      for (const [at, { status, type, detail }] of refusals.entries()) {
        expect([status, type]).toEqual([403, 'application/problem+json; charset=UTF-8']);
        expect(detail).toBe(`T${expected[at]?.slice(1)}.`);
      }
      // Anyone can cause it: the first one per minute is logged, and the others are counted.
      expect(log.problems.map(({ message }) => message)).toEqual([`refused a WebSocket: ${expected[0]}`]);
    });
  });

  it('refuses to be routed to without onMessage, when the application is made [RT-01]', () => {
    class Deaf extends (WebSocketHandler as unknown as typeof RecordingHandler) {}
    Object.defineProperty(Deaf, 'name', { value: 'Deaf' });
    class Field extends (WebSocketHandler as unknown as typeof RecordingHandler) {
      override onMessage = (): void => {};
    }
    class Below extends Field {}
    expect(() => new Application([['/', Deaf]])).toThrow('the class Deaf has no method onMessage');
    for (const handler of [Field, Below]) expect(() => new Application([['/', handler]])).not.toThrow();
  });

  it('asks for a subprotocol exactly once, with what was offered [WS-04]', async () => {
    const asked: (readonly string[])[] = [];
    class Chooses extends RecordingHandler {
      override selectSubprotocol(offered: readonly string[]): string | undefined {
        asked.push(offered);
        return offered[1];
      }
    }
    const answer = await answerTo(
      Chooses,
      upgradeText('/', { 'Sec-WebSocket-Protocol': 'chat, Super-Chat' }),
    );
    expect(answer.field('Sec-WebSocket-Protocol')).toBe('Super-Chat');
    expect(RecordingHandler.only.selectedSubprotocol).toBe('Super-Chat');
    expect((await answerTo(Chooses, upgradeText('/'))).field('Sec-WebSocket-Protocol')).toBeUndefined();
    expect(asked).toEqual([['chat', 'Super-Chat'], []]);
  });

  it('responds with 500 when the choice was not offered, or an option is invalid [WS-04, ATT-76]', async () => {
    class Invents extends RecordingHandler {
      override selectSubprotocol(): string | undefined {
        return 'mine';
      }
    }
    class Misconfigured extends RecordingHandler {
      override connectionOptions() {
        return { maxMessageBytes: 0 };
      }
    }
    expect((await answerTo(Invents, upgradeText('/', { 'Sec-WebSocket-Protocol': 'yours' }))).status).toBe(
      500,
    );
    expect((await answerTo(Misconfigured, upgradeText('/'))).status).toBe(500);
    expect(RecordingHandler.opened).toEqual([]);
  });

  it('sends the headers of prepare and setDefaultHeaders with the 101 [WS-05]', async () => {
    class Dressed extends RecordingHandler {
      override setDefaultHeaders(): void {
        this.setHeader('X-Default', 'yes');
      }

      override async prepare(): Promise<void> {
        await new Promise((resolve) => setImmediate(resolve));
        this.addHeader('Set-Cookie', 'a=1');
        this.addHeader('Set-Cookie', 'b=2');
      }
    }
    const answer = await answerTo(Dressed, upgradeText('/'));
    expect([answer.status, answer.field('X-Default')]).toEqual([101, 'yes']);
    expect(answer.head).toContain('\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n');
  });

  it('does not upgrade what prepare has answered [WS-05]', async () => {
    class Private extends RecordingHandler {
      override prepare(): void {
        this.sendError(401);
      }
    }
    expect((await answerTo(Private, upgradeText('/'))).status).toBe(401);
    expect(RecordingHandler.opened).toEqual([]);
  });

  it('throws from the methods that answer HTTP, once it is open [WS-05]', async () => {
    const thrown: unknown[] = [];
    class Confused extends WebSocketHandler {
      override onOpen(): void {
        const attempts = [
          () => this.setStatus(200),
          () => this.setHeader('X', 'y'),
          () => this.write('x'),
          () => this.finish('x'),
          () => this.redirect('/'),
          () => this.sendError(500),
          () => void this.flush(),
        ];
        for (const attempt of attempts) {
          try {
            attempt();
            thrown.push('nothing');
          } catch (error) {
            thrown.push((error as { code?: unknown }).code);
          }
        }
        void this.writeMessage('still here');
      }

      override onMessage(): void {}
    }
    await withApp([['/', Confused]], async ({ port, log }) => {
      const client = await RawClient.open(port);
      expect(await client.frame()).toBe('text still here');
      expect(new Set(thrown)).toEqual(new Set(['ERR_WEB_FINISHED']));
      expect(log.problems).toEqual([]);
    });
  });

  it('gives the handler the parameters of its path, and frames that came with the request [WS-03]', async () => {
    class Room extends WebSocketHandler<'/room/:name'> {
      override onMessage(message: string | Uint8Array): unknown {
        return this.writeMessage(`${this.pathParams.name}: ${message}`);
      }
    }
    await withApp([['/room/:name', Room]], async ({ port }) => {
      const early = Buffer.from('818537fa213d7f9f4d5158', 'hex').toString('latin1'); // RFC 6455 §5.7: a masked "Hello"
      const client = await RawClient.ask(port, upgradeText('/room/blue') + early);
      expect(await client.frame()).toBe('text blue: Hello');
    });
  });

  it.each(['reset', 'end'])(
    'opens nothing for a peer that leaves while prepare waits, by %s [ATT-76]',
    async (how) => {
      const steps: string[] = [];
      class Slow extends RecordingHandler {
        override async prepare(): Promise<void> {
          steps.push('begun');
          await new Promise((resolve) => this.signal.addEventListener('abort', resolve));
          steps.push('over');
        }
      }
      await withApp([['/', Slow]], async ({ port, server, log }) => {
        const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
        socket.on('error', () => {});
        let answer = '';
        socket.on('data', (bytes) => {
          answer += bytes;
        });
        socket.write(upgradeText('/'));
        await until(() => steps.length === 1);
        if (how === 'reset') socket.resetAndDestroy();
        else socket.end();
        await until(() => steps.length === 2 && server.connectionCount === 0);
        if (how === 'end') await until(() => answer !== '');
        expect(answer.slice(0, 12)).toBe(how === 'end' ? 'HTTP/1.1 400' : '');
        expect(RecordingHandler.opened).toEqual([]);
        expect(log.problems).toEqual([]);
        socket.destroy();
      });
    },
  );
});
