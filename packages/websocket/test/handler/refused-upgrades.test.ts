import { connect } from 'node:net';
import {
  Application,
  basicAuth,
  HTTPError,
  type Middleware,
  type RouteSpec,
  requestId,
  securityHeaders,
} from '@landspout/web';
import { TestClient } from '@landspout/web/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { KEY, RawClient, upgradeText } from '../fixtures/raw-client.ts';
import { RecordingHandler } from '../fixtures/recording-handler.ts';
import { RecordingLogger, withApp } from '../fixtures/running-application.ts';

beforeEach(() => RecordingHandler.reset());

const UPGRADE = {
  Upgrade: 'websocket',
  Connection: 'Upgrade',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': KEY,
};

class Private extends RecordingHandler {
  override prepare(): void {
    const path = this.request.path;
    if (path === '/thrown') throw new HTTPError(401, undefined, { detail: 'Log in first.' });
    if (path === '/sent') this.sendError(403);
    if (path === '/redirected') this.redirect('/login');
    if (path === '/broken') throw new Error('a bug');
  }
}

class OwnPage extends RecordingHandler {
  override writeError(status: number): void {
    this.write(`page of its own: ${status}`);
  }
}

const routes: RouteSpec[] = [
  [/\/(?:thrown|sent|redirected|broken)/, Private],
  ['/own', OwnPage],
  ['/', RecordingHandler],
];

describe('an upgrade that is refused', () => {
  const finished: string[] = [];
  const log = new RecordingLogger();
  const records: Middleware = (context, next) => {
    context.response.beforeHeaders((response) => response.headers.set('X-Middleware', 'ran'));
    return next();
  };
  const app = new Application(routes, {
    logger: log,
    middleware: [records],
    logFunction: ({ request, status }) => finished.push(`${status} ${request.path}`),
  });

  beforeEach(() => {
    finished.length = 0;
  });

  it.each([
    ['/thrown', {}, 401, 'Log in first.'],
    ['/sent', {}, 403, undefined],
    ['/broken', {}, 500, undefined],
    ['/', { Origin: 'http://evil.example' }, 403, expect.stringContaining('may not open a WebSocket here')],
    ['/', { Upgrade: 'h2c' }, 400, 'Upgrade must be websocket.'],
    ['/', { 'Sec-WebSocket-Key': 'x' }, 400, 'Sec-WebSocket-Key must be 16 bytes in base64.'],
    ['/', { 'Sec-WebSocket-Version': '8' }, 426, 'Only WebSocket version 13 is supported.'],
    ['/nowhere', {}, 404, undefined],
  ])(
    'has the error page, the middleware and the log of any request: %s %j [WS-01] [WS-05] [RH-01]',
    async (path, changes, status, detail) => {
      await using client = new TestClient(app);
      const headers = { ...UPGRADE, ...changes };
      const html = await client.request(path, { headers });
      expect([html.status, html.headers.get('Content-Type')]).toEqual([status, 'text/html; charset=UTF-8']);
      expect(html.headers.get('X-Middleware')).toBe('ran');
      expect(html.text()).toMatch(/^<!DOCTYPE html>/);
      const json = await client.request(path, {
        headers: { ...headers, Accept: 'application/problem+json' },
      });
      expect(json.headers.get('Content-Type')).toBe('application/problem+json; charset=UTF-8');
      expect(json.json()).toMatchObject({ status, instance: path });
      expect((json.json() as { detail?: string }).detail).toEqual(detail);
      expect(finished).toEqual([`${status} ${path}`, `${status} ${path}`]);
      expect(RecordingHandler.opened).toEqual([]);
    },
  );

  it('keeps the headers that its status requires', async () => {
    await using client = new TestClient(app);
    const { headers } = await client.request('/', { headers: { ...UPGRADE, 'Sec-WebSocket-Version': '8' } });
    expect([headers.get('Sec-WebSocket-Version'), headers.get('Upgrade')]).toEqual(['13', 'websocket']);
  });

  it('has the page of the handler, and escapes what the client sent [ATT-36]', async () => {
    await using client = new TestClient(app);
    const evil = { ...UPGRADE, Origin: 'http://evil<script>' };
    const own = await client.request('/own', { headers: evil });
    expect([own.status, own.text()]).toEqual([403, 'page of its own: 403']);
    expect((await client.request('/', { headers: evil })).text()).not.toContain('<script>');
  });

  it('may lead to a login, and does not upgrade then [WS-05]', async () => {
    await using client = new TestClient(app);
    const { status, headers } = await client.request('/redirected', { headers: UPGRADE });
    expect([status, headers.get('Location'), headers.get('X-Middleware')]).toEqual([302, '/login', 'ran']);
    expect(RecordingHandler.opened).toEqual([]);
  });

  it('may come from a middleware [WS-05]', async () => {
    const verify = (user: string, password: string) => user === 'ada' && password === 'secret';
    const guarded = new Application(routes, { middleware: [basicAuth({ realm: 'sockets', verify })] });
    await using client = new TestClient(guarded);
    const { status, headers } = await client.request('/', { headers: UPGRADE });
    expect([status, headers.get('WWW-Authenticate')]).toEqual([401, expect.stringContaining('sockets')]);
  });

  it('leaves the connection to the next request, which may be an upgrade [WS-05]', () =>
    withApp(routes, async ({ port }) => {
      const refused = upgradeText('/', { Origin: 'http://evil.example' });
      const socket = connect({ host: '127.0.0.1', port });
      socket.write(refused + upgradeText('/'));
      let received = '';
      for await (const bytes of socket) {
        received += bytes;
        if (received.includes('Sec-WebSocket-Accept')) break;
      }
      expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 403', 'HTTP/1.1 101']);
    }));
});

describe('an upgrade that is accepted', () => {
  class Visits extends RecordingHandler {
    override prepare(): void {
      this.setCookie('visit', '1');
      this.setSignedCookie('user', 'ada');
    }
  }

  it('sends with the 101 the cookies of prepare, and what middleware adds last [WS-05]', () =>
    withApp(
      [['/', Visits]],
      async ({ port }) => {
        const client = await RawClient.open(port);
        expect(client.head).toMatch(/\r\nSet-Cookie: visit=1;/);
        expect(client.head).toMatch(/\r\nSet-Cookie: user="?2\|/);
        expect(client.field('X-Request-Id')).toMatch(/./);
        expect(client.field('X-Content-Type-Options')).toBe('nosniff');
        client.socket.destroy();
      },
      {},
      {
        cookieSecret: 'a secret of at least thirty-two bytes, for tests only',
        middleware: [requestId(), securityHeaders()],
        xsrfCookies: true,
      },
    ));

  it('becomes a 500 if such an addition throws, and the connection stays in order [WS-05]', () => {
    const throws: Middleware = ({ response }, next) => {
      response.beforeHeaders(() => {
        throw new Error('a bug');
      });
      return next();
    };
    return withApp(
      [['/', RecordingHandler]],
      async ({ port, log }) => {
        const client = await RawClient.ask(port, upgradeText('/'));
        expect(client.status).toBe(500);
        expect(log.problems).toHaveLength(1);
        expect(RecordingHandler.opened).toEqual([]);
        client.socket.destroy();
      },
      {},
      { middleware: [throws] },
    );
  });
});
