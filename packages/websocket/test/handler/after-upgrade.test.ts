import { describe, expect, it } from 'vitest';
import { WebSocketHandler } from '../../src/index.ts';
import { encodeClose, encodeMessage } from '../../src/protocol/index.ts';
import { MASK, RawClient, upgradeText } from '../fixtures/raw-client.ts';
import { until, withApp } from '../fixtures/running-application.ts';

const text = (message: string) => encodeMessage(message, MASK);
const settings = { cookieSecret: 'a secret of at least thirty-two bytes, for tests only' };

describe('WebSocketHandler, after the 101', () => {
  it('has the user, looked up once, before the 101 or when it is first asked for [WS-05] [US-01]', async () => {
    let lookups = 0;
    class Users extends WebSocketHandler {
      override getCurrentUser(): { readonly name: string } {
        lookups += 1;
        return { name: this.request.headers.get('X-User') ?? 'nobody' };
      }
      override prepare(): void {
        if (this.request.path === '/early') this.setHeader('X-Hello', this.currentUser.name);
      }
      override onMessage(): unknown {
        return this.writeMessage(`${this.currentUser.name} ${this.currentUser.name}`);
      }
    }
    await withApp([['/*any', Users]], async ({ port }) => {
      const early = await RawClient.ask(port, upgradeText('/early', { 'X-User': 'ada' }));
      expect([early.field('X-Hello'), lookups]).toEqual(['ada', 1]);
      const late = await RawClient.ask(port, upgradeText('/late', { 'X-User': 'bob' }));
      expect([late.field('X-Hello'), lookups]).toEqual([undefined, 1]);
      for (const client of [early, late]) client.send(text('who'), text('who'));
      expect([await early.frame(2), await late.frame(2)]).toEqual(['text ada ada', 'text bob bob']);
      expect(lookups).toBe(2);
      early.socket.destroy();
      late.socket.destroy();
    });
  });

  it('still reads arguments and cookies, and makes URLs, tokens and signed values [WS-05]', async () => {
    class Renders extends WebSocketHandler<'/room/:name'> {
      override prepare(): void {
        this.setSignedCookie('seen', 'yes');
        void this.xsrfToken; // sets the cookie
      }
      override onMessage(): unknown {
        return this.writeMessage({
          name: this.pathParams.name,
          lang: this.getQueryArgument('lang', 'en'),
          cookie: this.getCookie('theme', 'none'),
          url: this.reverseUrl('room', 'blue'),
          host: this.request.host,
          hasToken: this.xsrfToken.length > 10, // masked anew each time
        });
      }
    }
    await withApp(
      [['/room/:name', Renders, {}, 'room']],
      async ({ port }) => {
        const client = await RawClient.ask(port, upgradeText('/room/red?lang=de', { Cookie: 'theme=dark' }));
        expect(client.head).toMatch(/\r\nSet-Cookie: seen="?2\|/);
        client.send(text('render'));
        expect(JSON.parse((await client.frame()).slice('text '.length))).toEqual({
          name: 'red',
          lang: 'de',
          cookie: 'dark',
          url: '/room/blue',
          host: 'example.com',
          hasToken: true,
        });
        client.socket.destroy();
      },
      {},
      settings,
    );
  });

  it('refuses what would need a header of the response, such as a cookie or a new token [WS-05]', async () => {
    const codes: unknown[] = [];
    class Late extends WebSocketHandler {
      override onOpen(): void {
        const attempts = [
          () => this.setCookie('a', 'b'),
          () => this.clearCookie('a'),
          () => this.setSignedCookie('a', 'b'),
          () => this.xsrfToken,
        ];
        for (const attempt of attempts) {
          try {
            codes.push(attempt());
          } catch (error) {
            codes.push((error as { readonly code?: unknown }).code);
          }
        }
        void this.writeMessage('still here');
      }
      override onMessage(): void {}
    }
    await withApp(
      [['/', Late]],
      async ({ port }) => {
        const client = await RawClient.open(port);
        expect(await client.frame()).toBe('text still here');
        expect(codes).toEqual(Array(4).fill('ERR_WEB_FINISHED'));
        client.socket.destroy();
      },
      {},
      settings,
    );
  });

  it.each<[string, (client: RawClient, handler: WebSocketHandler) => void]>([
    ['the peer closes', (client) => client.send(encodeClose(4000, 'bye', MASK))],
    ['the peer resets', (client) => client.socket.resetAndDestroy()],
    ['the peer ends TCP without a close frame', (client) => client.socket.end()],
    ['the peer breaks the protocol', (client) => client.send(Buffer.from([0x83, 0x80, ...MASK]))],
    ['the handler aborts', (_client, handler) => handler.abort()],
    [
      'the handler closes',
      (client, handler) => {
        handler.close(4001);
        client.send(encodeClose(4001, '', MASK));
      },
    ],
  ])('has a signal that aborts, and then onClose once, when %s [WS-03] [WS-15]', async (_what, end) => {
    const handlers: Ends[] = [];
    class Ends extends WebSocketHandler {
      readonly calls: string[] = [];
      override onOpen(): void {
        handlers.push(this);
        this.signal.addEventListener('abort', () => this.calls.push('abort'));
      }
      override onMessage(): void {}
      override onClose(): void {
        this.calls.push(`close ${this.closeCode} ${this.closeReason}`.trimEnd());
      }
    }
    await withApp([['/', Ends]], async ({ port, log, server }) => {
      const client = await RawClient.open(port);
      await until(() => handlers.length === 1);
      const handler = handlers[0] as Ends;
      expect([handler.signal.aborted, handler.closeCode]).toEqual([false, undefined]);
      end(client, handler);
      await until(() => handler.calls.length === 2);
      client.socket.destroy();
      await until(() => server.connectionCount === 0);
      expect(handler.calls).toEqual(['abort', expect.stringMatching(/^close (4000 bye|4001|1006)$/)]);
      expect(handler.signal.reason).toMatchObject({ code: 'ERR_WEBSOCKET_CLOSED' });
      expect(handler.isOpen).toBe(false);
      expect(log.problems).toEqual([]);
    });
  });

  it('rejects writes, and ignores close and abort, after the end [WS-04]', async () => {
    const handlers: WebSocketHandler[] = [];
    class Late extends WebSocketHandler {
      override onMessage(): void {}
      override onClose(): void {
        handlers.push(this);
      }
    }
    await withApp([['/', Late]], async ({ port, log }) => {
      const client = await RawClient.open(port);
      client.send(encodeClose(1000, '', MASK));
      await client.untilEnd();
      await until(() => handlers.length === 1);
      const handler = handlers[0] as WebSocketHandler;
      await expect(handler.writeMessage('x')).rejects.toHaveProperty('code', 'ERR_WEBSOCKET_CLOSED');
      await expect(handler.ping()).rejects.toHaveProperty('code', 'ERR_WEBSOCKET_CLOSED');
      handler.close(4000);
      handler.abort();
      expect([handler.closeCode, handler.queuedBytes]).toEqual([1000, 0]);
      expect(log.problems).toEqual([]);
    });
  });
});
