import { once } from 'node:events';
import { RequestHandler, type RouteSpec } from '@landspout/web';
import { beforeEach, describe, expect, it } from 'vitest';
import { type RawData, WebSocket } from 'ws';
import { Nginx } from '../fixtures/nginx.ts';
import { RawClient, upgradeText } from '../fixtures/raw-client.ts';
import { RecordingHandler } from '../fixtures/recording-handler.ts';
import { until, withApp } from '../fixtures/running-application.ts';

beforeEach(() => RecordingHandler.reset());

/** Shows where it is, and has a form. */
class Where extends RequestHandler {
  override get(): void {
    this.setCookie('seen', '1');
    this.write({ url: this.request.fullUrl(), host: this.request.host, xsrf: this.xsrfToken });
  }

  override post(): void {
    this.write('changed');
  }
}

const routes: RouteSpec[] = [
  ['/socket/*rest', RecordingHandler],
  ['/where/*rest', Where],
];
const ownHost = ['proxy_set_header Host $http_host;'];
const xForwarded = [
  'proxy_set_header X-Forwarded-For $remote_addr;',
  'proxy_set_header X-Forwarded-Proto $scheme;',
  'proxy_set_header X-Forwarded-Host $http_host;',
];
const forwarded = ['proxy_set_header Forwarded "for=unknown;proto=$scheme;host=\\"$http_host\\"";'];

const statusOf = (response: string) => Number(response.split(' ')[1]);
const get = (path: string, ...fields: readonly string[]) =>
  `GET ${path} HTTP/1.1\r\n${['Host: a.example', ...fields, 'Connection: close'].join('\r\n')}\r\n\r\n`;

/** The status of an upgrade through a proxy, by a page of the origin. */
async function upgradeStatus(nginx: Nginx, path: string, origin: string, changes = {}): Promise<number> {
  const text = upgradeText(path, { Host: 'a.example', Origin: origin, ...changes });
  return statusOf(await nginx.ask(text));
}

describe('WebSocketHandler, behind an nginx that terminates TLS', () => {
  const proxied = { trustedProxies: ['127.0.0.1'], forwardedHost: true };

  it.each([
    ['X-Forwarded-Host', xForwarded, proxied],
    ['Forwarded', forwarded, { ...proxied, forwardedHeaders: 'forwarded' as const }],
  ])(
    'knows by %s the origin of its own pages, and refuses all others [WS-02] [HS-03] [ATT-55]',
    (_name, directives, options) =>
      withApp(
        routes,
        async ({ port, log }) => {
          await using nginx = await Nginx.start(port, { '/': directives });
          const socket = await nginx.connect();
          const createConnection = (() => socket) as never;
          const client = new WebSocket('wss://a.example/socket/x', {
            createConnection,
            origin: 'https://a.example',
          });
          await once(client, 'open');
          client.send('hello');
          const [data] = (await once(client, 'message')) as [RawData];
          expect(data.toString()).toBe('hello');
          client.close(4000);
          await once(client, 'close');
          await until(() => RecordingHandler.only.closes === 1);
          const { request } = RecordingHandler.only;
          expect([request.host, request.protocol, request.fullUrl()]).toEqual([
            'a.example',
            'https',
            'https://a.example/socket/x',
          ]);
          for (const origin of [
            'https://evil.example',
            'http://a.example',
            `http://127.0.0.1:${port}`,
            'null',
          ]) {
            expect([origin, await upgradeStatus(nginx, '/socket/x', origin)]).toEqual([origin, 403]);
          }
          expect(log.problems[0]?.message).toContain('this site is "https://a.example"; see publicOrigin');
        },
        options,
        { publicOrigin: 'forwarded' },
      ),
  );

  it('knows it by the Host that the proxy passes on, or by the setting publicOrigin [WS-02]', async () => {
    await withApp(routes, async ({ port }) => {
      await using nginx = await Nginx.start(port, { '/socket/own': ownHost, '/socket/inner': [] });
      expect(await upgradeStatus(nginx, '/socket/own', 'https://a.example')).toBe(101);
      expect(await upgradeStatus(nginx, '/socket/own', 'https://evil.example')).toBe(403);
      // nginx sends the name of its own upstream unless it is told otherwise.
      expect(await upgradeStatus(nginx, '/socket/inner', 'https://a.example')).toBe(403);
    });
    await withApp(
      routes,
      async ({ port }) => {
        await using nginx = await Nginx.start(port, { '/': [] });
        expect(await upgradeStatus(nginx, '/socket/x', 'https://a.example')).toBe(101);
        expect(await upgradeStatus(nginx, '/socket/x', 'https://a.example', { Host: 'evil.example' })).toBe(
          101,
        );
        for (const origin of ['https://evil.example', `http://127.0.0.1:${port}`, 'http://a.example']) {
          expect([origin, await upgradeStatus(nginx, '/socket/x', origin)]).toEqual([origin, 403]);
        }
      },
      {},
      { publicOrigin: 'https://a.example' },
    );
  });

  it('does not believe the host that a client sends through a proxy which passes it on [ATT-57]', () =>
    withApp(
      routes,
      async ({ port }) => {
        const [, proto] = xForwarded as [string, string];
        await using nginx = await Nginx.start(port, { '/': [proto, ...ownHost] });
        const forged = { 'X-Forwarded-Host': 'evil.example', Forwarded: 'for=unknown;host=evil.example' };
        expect(await upgradeStatus(nginx, '/socket/x', 'https://evil.example', forged)).toBe(403);
        expect(await upgradeStatus(nginx, '/socket/x', 'https://a.example', forged)).toBe(101);
        const page = await nginx.ask(get('/where/am/i', 'X-Forwarded-Host: evil.example'), { toEnd: true });
        expect(page).toContain('"url":"https://a.example/where/am/i"');
      },
      // Without forwardedHost, which is off by default for this reason.
      { trustedProxies: ['127.0.0.1'] },
      { publicOrigin: 'forwarded' },
    ));

  it('takes an element that the proxy appends for the host, not what the client has sent [ATT-57]', () =>
    withApp(
      routes,
      async ({ port }) => {
        const appended = [
          'proxy_set_header X-Forwarded-Proto $scheme;',
          'proxy_set_header X-Forwarded-Host "$http_x_forwarded_host, $http_host";',
        ];
        await using nginx = await Nginx.start(port, { '/': appended });
        const forged = { 'X-Forwarded-Host': 'evil.example' };
        expect(await upgradeStatus(nginx, '/socket/x', 'https://evil.example', forged)).toBe(403);
        expect(await upgradeStatus(nginx, '/socket/x', 'https://a.example', forged)).toBe(101);
      },
      proxied,
      { publicOrigin: 'forwarded' },
    ));

  it('has absolute URLs, Secure cookies, forms and hosts by the forwarded host as well [XS-01] [ATT-56]', () =>
    withApp(
      routes,
      async ({ port }) => {
        await using nginx = await Nginx.start(port, { '/': xForwarded });
        const page = await nginx.ask(get('/where/am/i?q=1'), { toEnd: true });
        expect(page).toContain('"url":"https://a.example/where/am/i?q=1"');
        expect(page).toMatch(/\r\nSet-Cookie: seen=1;[^\r]*Secure/i);
        const token = JSON.parse(page.slice(page.indexOf('{'))).xsrf as string;
        const post = (origin: string) => {
          const fields = [`Origin: ${origin}`, `X-XSRFToken: ${token}`, `Cookie: _xsrf=${token}`];
          return nginx.ask(get('/where/x', ...fields, 'Content-Length: 0').replace('GET', 'POST'));
        };
        expect(statusOf(await post('https://a.example'))).toBe(200);
        expect(statusOf(await post('http://a.example'))).toBe(403);
        expect(statusOf(await post('https://evil.example'))).toBe(403);
        const other = get('/where/x').replace('a.example', 'evil.example');
        expect(statusOf(await nginx.ask(other))).toBe(421);
        const rebound = upgradeText('/socket/x', { Host: 'evil.example', Origin: 'https://evil.example' });
        expect(statusOf(await nginx.ask(rebound))).toBe(421);
      },
      proxied,
      { publicOrigin: 'forwarded', hosts: ['a.example'], xsrfCookies: true },
    ));
});

describe('WebSocketHandler, and a peer that is no listed proxy', () => {
  const FORGED = {
    'X-Forwarded-For': '203.0.113.7',
    'X-Forwarded-Host': 'evil.example',
    'X-Forwarded-Proto': 'https',
    Forwarded: 'for=203.0.113.7;host=evil.example;proto=https',
    'X-Real-Ip': '203.0.113.7',
  };

  it.each([undefined, 'forwarded', 'http://example.com'])(
    'does not believe the host and scheme that it forges, with publicOrigin %s [WS-02] [ATT-55] [ATT-57]',
    (publicOrigin) =>
      withApp(
        routes,
        async ({ port }) => {
          const status = async (origin: string) =>
            (await RawClient.ask(port, upgradeText('/socket/x', { ...FORGED, Origin: origin }))).status;
          expect(await status('https://evil.example')).toBe(403);
          expect(await status('http://evil.example')).toBe(403);
          expect(await status('http://example.com')).toBe(101);
          expect(RecordingHandler.only.request.host).toBe('example.com');
        },
        { trustedProxies: ['10.0.0.0/8'], forwardedHost: true },
        publicOrigin === undefined ? {} : { publicOrigin },
      ),
  );

  it('is refused for a host that the application does not have, whatever it forges [ATT-56] [ATT-57]', () =>
    withApp(
      routes,
      async ({ port }) => {
        const rebound = { Host: 'evil.example', Origin: 'http://evil.example' };
        const forged = { ...rebound, 'X-Forwarded-Host': 'example.com' };
        for (const changes of [rebound, forged]) {
          expect((await RawClient.ask(port, upgradeText('/socket/x', changes))).status).toBe(421);
        }
        // An absolute target replaces Host.
        const absolute = upgradeText('http://evil.example/socket/x', { Origin: 'http://evil.example' });
        expect((await RawClient.ask(port, absolute)).status).toBe(421);
        const own = upgradeText('/socket/x', { Origin: 'http://example.com' });
        expect((await RawClient.ask(port, own)).status).toBe(101);
      },
      { trustedProxies: ['10.0.0.0/8'], forwardedHost: true },
      { hosts: ['example.com'] },
    ));
});
