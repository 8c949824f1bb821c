import { createServer, type Socket } from 'node:net';
import { VirtualClock } from '@landspout/ioloop/testing';
import { RequestHandler } from '@landspout/web';
import { beforeEach, describe, expect, it } from 'vitest';
import { withRawServer } from '../../../httpclient/test/fixtures/servers.ts';
import { WebSocketHandshakeError, websocketConnect } from '../../src/index.ts';
import { RecordingHandler } from '../fixtures/recording-handler.ts';
import { openDescriptors, until, withApp } from '../fixtures/running-application.ts';

beforeEach(() => RecordingHandler.reset());

async function refusal(
  url: string,
  options?: Parameters<typeof websocketConnect>[1],
): Promise<WebSocketHandshakeError> {
  const error = await websocketConnect(url, options).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(WebSocketHandshakeError);
  return error as WebSocketHandshakeError;
}

/** Sends `bytes` after the head of each request. */
const responding = (bytes: string | Buffer) => (socket: Socket) =>
  socket.once('data', () => socket.write(bytes));

describe('a refused opening handshake', () => {
  it('is an error with status, headers and body of the response [WS-20]', () =>
    withApp([['/chat', RecordingHandler]], async ({ url, port }) => {
      const before = openDescriptors();
      const error = await refusal(`${url}/chat`, {
        origin: 'http://evil.example',
        headers: { Accept: 'text/plain' },
      });
      expect([error.code, error.status]).toEqual(['ERR_WEBSOCKET_UPGRADE_REFUSED', 403]);
      expect(error.headers?.get('content-type')).toMatch(/^text\//);
      expect(error.text).toContain('evil.example');
      expect(error.message).toBe(
        `ws://127.0.0.1:${port}/chat: the server must respond with 101, got 403 (RFC 6455 §4.1)`,
      );
      await until(() => openDescriptors() <= before);
    }));

  it('names the URL without its query, where tokens are [WS-20]', () =>
    withApp([], async ({ url, port }) => {
      const error = await refusal(`${url}/none?token=secret`, {
        basicAuth: { username: 'me', password: 'secret' },
      });
      expect(error.url).toBe(`ws://127.0.0.1:${port}/none`);
      expect(error.message).toContain(`ws://127.0.0.1:${port}/none: `);
      expect(String(error.stack)).not.toContain('secret');
    }));

  it('says where a redirect leads, and does not follow it [WS-20]', async () => {
    class Redirects extends RequestHandler {
      override get(): void {
        this.redirect('https://me:secret@example.com/there?token=secret#x');
      }
    }
    await withApp([['/old', Redirects]], async ({ url }) => {
      const error = await refusal(`${url}/old`);
      expect(error.status).toBe(302);
      expect(error.message).toContain('it redirects to "https://(masked)@example.com/there"');
      expect(error.message).not.toContain('secret');
      expect(error.headers?.get('Location')).toContain('/there');
    });
  });

  it('keeps at most 64 KiB of the body, and closes the connection then [WS-20]', async () => {
    const body = Buffer.alloc(300_000, 'x');
    const head = `HTTP/1.1 503 Busy\r\nContent-Length: ${10 ** 12}\r\nRetry-After: 7\r\n\r\n`;
    await withRawServer(responding(Buffer.concat([Buffer.from(head), body])), async (peer) => {
      const error = await refusal(peer.url.replace('http', 'ws'));
      expect([error.status, error.body.length, error.headers?.get('Retry-After')]).toEqual([
        503,
        64 * 1024,
        '7',
      ]);
      await until(() => peer.sockets.every((socket) => socket.destroyed || socket.readableEnded));
    });
  });

  it.each([
    ['that ends early', 'HTTP/1.1 500 No\r\nContent-Length: 100\r\n\r\nhalf', true],
    ['that is malformed', 'HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n', false],
    ['without a length', 'HTTP/1.1 500 No\r\n\r\nhalf', true],
  ])('passes on what arrived of a body %s [WS-20]', async (_what, bytes, ends) => {
    const script = (socket: Socket) =>
      socket.once('data', () => (ends ? socket.end(bytes) : socket.write(bytes)));
    await withRawServer(script, async (peer) => {
      const error = await refusal(peer.url.replace('http', 'ws'));
      expect([error.status, error.text]).toEqual([500, 'half']);
    });
  });

  it('waits at most two seconds for the body [WS-20]', async () => {
    const clock = new VirtualClock();
    const script = responding('HTTP/1.1 401 Who\r\nContent-Length: 100\r\n\r\nslow');
    await withRawServer(script, async (peer) => {
      const outcome = refusal(peer.url.replace('http', 'ws'), { clock, connectTimeoutMs: 0 });
      await until(() => clock.pending > 0);
      await clock.advance(2_000);
      const error = await outcome;
      expect(error.status).toBe(401);
      expect('slow'.startsWith(error.text)).toBe(true);
      await until(() => peer.sockets.every((socket) => socket.destroyed || socket.readableEnded));
    });
  });

  it('is reported with its response when the deadline passes during the body [WS-20]', async () => {
    const script = responding('HTTP/1.1 401 Who\r\nContent-Length: 100\r\n\r\nslow');
    await withRawServer(script, async (peer) => {
      const error = await refusal(peer.url.replace('http', 'ws'), { connectTimeoutMs: 300 });
      expect([error.status, error.text]).toEqual([401, 'slow']);
    });
  });

  it('leaves no socket open whatever goes wrong [WS-20]', async () => {
    const before = openDescriptors();
    const server = createServer((socket) => socket.on('error', () => {}).resume());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const outcomes = await Promise.allSettled([
      websocketConnect(`ws://127.0.0.1:${port}/`, { connectTimeoutMs: 20 }),
      websocketConnect(`wss://127.0.0.1:${port}/`, { connectTimeoutMs: 20 }),
      websocketConnect(`ws://127.0.0.1:${port}/`, { signal: AbortSignal.abort() }),
      websocketConnect(`ws://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(20) }),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(Array(4).fill('rejected'));
    await new Promise((resolve) => server.close(resolve));
    await until(() => openDescriptors() <= before);
  });
});
