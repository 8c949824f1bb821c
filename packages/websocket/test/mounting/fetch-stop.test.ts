import { describe, expect, it } from 'vitest';
import { websocketConnect } from '../../src/index.ts';
import { RawClient, upgradeText } from '../fixtures/raw-client.ts';
import { until } from '../fixtures/running-application.ts';
import { echo, withSockets } from './fetch-server.ts';

const DRAIN_MS = 30_000;

describe('upgradeWebSocket, when the server stops', () => {
  it.each([
    [1012, { final: false }],
    [1001, { final: true }],
  ])('closes sockets with %i if the options are %j, and waits for them', (code, options) => {
    const closes: number[] = [];
    return withSockets(
      (socket) => socket.addEventListener('close', (event) => closes.push(event.code)),
      async ({ url, server, log }) => {
        const clients = await Promise.all(Array.from({ length: 5 }, () => websocketConnect(url)));
        const stopping = server.stop({ drainMs: DRAIN_MS, ...options });
        for (const client of clients) {
          expect(await client.readMessage()).toBeNull();
          expect(client.closeCode).toBe(code);
        }
        expect(await stopping).toEqual({ finished: 5, idle: 0, cut: 0 });
        await until(() => closes.length === 5);
        expect(closes).toEqual([code, code, code, code, code]);
        expect(log.problems).toEqual([]);
      },
    );
  });

  it('refuses an upgrade with 503 and Retry-After', () =>
    withSockets(
      echo,
      async ({ port, url, server }) => {
        const other = await websocketConnect(url);
        const hello = 'GET / HTTP/1.1\r\nHost: example.com\r\n\r\n';
        const early = await RawClient.ask(port, hello);
        expect(early.status).toBe(400);
        const stopping = server.stop({ graceMs: DRAIN_MS, drainMs: DRAIN_MS });
        let received = '';
        // In place of the listener that reads frames.
        early.socket.removeAllListeners('data').on('data', (bytes) => {
          received += bytes.toString('latin1');
        });
        early.socket.write(upgradeText('/'));
        await until(() => received.includes('The server is stopping.'));
        expect(received).toContain('HTTP/1.1 503 Service Unavailable\r\n');
        expect(received).toMatch(/^Retry-After: 1\r$/im);
        early.socket.destroy();
        await other.waitClosed();
        await stopping;
      },
      { randomBytes: (byteLength) => new Uint8Array(byteLength) },
    ));
});
