import { once } from 'node:events';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { WebSocket as WsClient } from 'ws';
import {
  type UpgradeWebSocketOptions,
  upgradeWebSocket,
  WebSocketUpgradeError,
} from '../../src/fetch/index.ts';
import { websocketConnect } from '../../src/index.ts';
import { ACCEPT, RawClient, upgradeText } from '../fixtures/raw-client.ts';
import { echo, withFetch, withSockets } from './fetch-server.ts';

/** The status of the response to an upgrade with changed headers. */
async function statusOf(port: number, changes: Record<string, string | undefined>): Promise<number> {
  const client = await RawClient.ask(port, upgradeText('/', changes));
  client.socket.destroy();
  return client.status;
}

describe('upgradeWebSocket', () => {
  it('responds with 101 and the accept value of the key', () =>
    withSockets(echo, async ({ port }) => {
      const client = await RawClient.open(port);
      expect(client.field('Sec-WebSocket-Accept')).toBe(ACCEPT);
      expect(client.field('Upgrade')).toBe('websocket');
      expect(client.field('Sec-WebSocket-Protocol')).toBeUndefined();
      client.socket.destroy();
    }));

  it('echoes text and binary messages of ws', () =>
    withSockets(echo, async ({ url, log }) => {
      const client = new WsClient(url);
      await once(client, 'open');
      client.send('grüße');
      expect(String((await once(client, 'message'))[0])).toBe('grüße');
      client.send(Buffer.from([1, 2, 3]));
      expect(await once(client, 'message')).toEqual([Buffer.from([1, 2, 3]), true]);
      client.close();
      await once(client, 'close');
      expect(log.problems).toEqual([]);
    }));

  it('sends the response at once, so that its Response has no effect', () =>
    withFetch(
      async (request) => {
        const { socket, response } = upgradeWebSocket(request);
        echo(socket);
        const copy = new Response(response.body, response);
        copy.headers.set('X-Late', '1');
        return copy;
      },
      async ({ port, url }) => {
        const raw = await RawClient.open(port);
        expect(raw.head).not.toContain('X-Late');
        raw.socket.destroy();
        const client = await websocketConnect(url);
        await client.writeMessage('still here');
        expect(await client.readMessage()).toBe('still here');
        client.close();
        await client.waitClosed();
      },
    ));

  it('sends the given headers with the 101, but none of a body or the handshake', () =>
    withSockets(
      echo,
      async ({ port }) => {
        const client = await RawClient.open(port);
        expect(client.head.match(/^Set-Cookie: .*(?=\r)/gim)).toEqual(['set-cookie: a=1', 'set-cookie: b=2']);
        expect(client.field('Content-Type')).toBeUndefined();
        expect(client.field('Sec-WebSocket-Protocol')).toBeUndefined();
        expect(client.field('Connection')).toBe('Upgrade');
        client.socket.destroy();
      },
      () => {
        const headers = new Headers({ 'Content-Type': 'text/html', Connection: 'close' });
        headers.append('Set-Cookie', 'a=1');
        headers.append('Set-Cookie', 'b=2');
        headers.append('Sec-WebSocket-Protocol', 'forged');
        return { headers };
      },
    ));

  it.each<[string, UpgradeWebSocketOptions, readonly string[], string | undefined]>([
    ['the first of the server that the client offers', { subprotocols: ['b', 'a'] }, ['a', 'b'], 'b'],
    ['none if the client offers no other', { subprotocols: ['c'] }, ['a'], undefined],
    ['none without options', {}, ['a'], undefined],
    ['the required one', { protocol: 'a' }, ['b', 'a'], 'a'],
  ])('chooses as the subprotocol %s', (_, options, offered, chosen) =>
    withSockets(
      echo,
      async ({ url, sockets }) => {
        const client = await websocketConnect(url, { subprotocols: offered });
        expect(client.selectedSubprotocol).toBe(chosen);
        expect(sockets[0]?.protocol).toBe(chosen ?? '');
        client.close();
        await client.waitClosed();
      },
      options,
    ),
  );

  it('refuses a client that does not offer the required subprotocol', () =>
    withSockets(
      echo,
      async ({ port }) => {
        expect(await statusOf(port, { 'Sec-WebSocket-Protocol': 'b' })).toBe(400);
      },
      { protocol: 'a' },
    ));

  it('compresses messages if both sides can', () =>
    withSockets(
      echo,
      async ({ url, sockets }) => {
        const client = await websocketConnect(url, { compression: true });
        const message = 'again and again '.repeat(1000);
        await client.writeMessage(message);
        expect(await client.readMessage()).toBe(message);
        expect(client.isCompressed).toBe(true);
        expect(sockets[0]?.extensions).toMatch(/^permessage-deflate/);
        client.close();
        await client.waitClosed();
      },
      { compression: true },
    ));

  it('pings on its clock every 30 s by default', async () => {
    const clock = new VirtualClock();
    await withSockets(
      echo,
      async ({ port, sockets }) => {
        const client = await RawClient.open(port);
        await client.until(() => sockets.length === 1);
        await clock.advance(29_000);
        expect(client.frames).toEqual([]);
        await clock.advance(2_000);
        expect(await client.frame()).toBe('ping');
        client.socket.destroy();
      },
      { clock },
    );
  });

  it('applies limits', () =>
    withSockets(
      echo,
      async ({ url }) => {
        const client = await websocketConnect(url);
        await client.writeMessage('12345');
        expect(await client.readMessage()).toBeNull();
        expect(client.closeCode).toBe(1009);
      },
      { maxMessageBytes: 4 },
    ));
});

describe('upgradeWebSocket, refusing', () => {
  const cases: [string, number, Record<string, string | undefined>][] = [
    ['a request without Upgrade', 400, { Upgrade: undefined }],
    ['another version', 426, { 'Sec-WebSocket-Version': '8' }],
    ['an invalid key', 400, { 'Sec-WebSocket-Key': 'short' }],
    ['a body', 400, { 'Content-Length': '3' }],
    ['a chunked body', 400, { 'Transfer-Encoding': 'chunked' }],
    ['a page of another site', 403, { Origin: 'https://evil.example' }],
    ['an invalid host', 400, { Host: '999.1.1.1' }],
    ['a sandboxed page', 403, { Origin: 'null' }],
  ];
  it.each(cases)('gives the response for %s: %i', (_, status, changes) =>
    withSockets(echo, async ({ port, sockets, log }) => {
      const body = changes['Content-Length'] === undefined ? '' : 'abc';
      const chunks = changes['Transfer-Encoding'] === undefined ? '' : '0\r\n\r\n';
      const client = await RawClient.ask(port, upgradeText('/', changes) + body + chunks);
      expect(client.status).toBe(status);
      if (status === 426) expect(client.field('Sec-WebSocket-Version')).toBe('13');
      client.socket.destroy();
      expect([sockets, log.problems]).toEqual([[], []]);
    }),
  );

  it('allows the origin of the host and those listed', () =>
    withSockets(
      echo,
      async ({ port }) => {
        const statuses = await Promise.all(
          [
            'http://example.com',
            'https://example.com',
            'https://app.example.org',
            'https://example.org',
            undefined,
          ].map((origin) => statusOf(port, { Origin: origin })),
        );
        expect(statuses).toEqual([101, 101, 101, 403, 101]);
      },
      { allowedOrigins: ['https://*.example.org'] },
    ));

  it.each<[unknown, number]>([
    [true, 101],
    [false, 403],
    [1, 403],
    [Promise.resolve(true), 403],
  ])('lets checkOrigin decide: %s gives %i', (result, status) =>
    withSockets(
      echo,
      async ({ port }) => {
        expect(await statusOf(port, { Origin: 'http://example.com' })).toBe(status);
      },
      { checkOrigin: () => result as boolean },
    ),
  );

  it('names the origin and the remedy, in an error with the response', async () => {
    let caught: unknown;
    await withFetch(
      (request) => {
        try {
          return upgradeWebSocket(request).response;
        } catch (error) {
          caught = error;
          return (error as WebSocketUpgradeError).getResponse();
        }
      },
      async ({ port }) => {
        expect(await statusOf(port, { Origin: 'https://evil.example' })).toBe(403);
        expect(caught).toBeInstanceOf(WebSocketUpgradeError);
        expect(caught).toMatchObject({ code: 'ERR_WEBSOCKET_ORIGIN_REFUSED', status: 403 });
        const response = (caught as WebSocketUpgradeError).getResponse();
        expect(await response.text()).toBe(
          'The origin "https://evil.example" may not open a WebSocket here: it does not match the host of the request, "example.com"; add it to allowedOrigins.\n',
        );
      },
    );
  });

  it.each<[string, object]>([
    ['an unknown option', { origins: [] }],
    ['an origin that is none', { allowedOrigins: ['example.com'] }],
    ['a subprotocol that is no token', { subprotocols: ['a b'] }],
    ['a required subprotocol that is no token', { protocol: '' }],
    ['both options for subprotocols', { protocol: 'a', subprotocols: ['a'] }],
    ['a check that is no function', { checkOrigin: true }],
    ['no room for messages', { maxPendingMessages: 0 }],
    ['an interval out of range', { pingIntervalMs: -1 }],
    ['a logger without methods', { logger: {} }],
  ])('reports %s to the program', async (_, options) => {
    const request = new Request('http://example.com/');
    expect(() => upgradeWebSocket(request, options)).toThrow(
      expect.objectContaining({ code: 'ERR_WEBSOCKET_BAD_OPTION' }),
    );
  });

  it('reports a Request of another origin, and a second upgrade', async () => {
    const error = expect.objectContaining({ code: 'ERR_WEBSOCKET_NOT_UPGRADABLE' });
    expect(() => upgradeWebSocket(new Request('http://example.com/'))).toThrow(error);
    await withFetch(
      (request) => {
        const { socket, response } = upgradeWebSocket(request);
        echo(socket);
        expect(() => upgradeWebSocket(request)).toThrow(error);
        return response;
      },
      async ({ url, log }) => {
        const client = await websocketConnect(url);
        await client.writeMessage('open');
        expect(await client.readMessage()).toBe('open');
        client.close();
        await client.waitClosed();
        expect(log.problems).toEqual([]);
      },
    );
  });
});
