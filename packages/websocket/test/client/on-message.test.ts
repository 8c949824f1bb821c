import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { IOLoop } from '@landspout/ioloop';
import { afterEach, describe, expect, it, type MockInstance, vi } from 'vitest';
import { type WebSocketClientConnection, websocketConnect } from '../../src/index.ts';
import { until } from '../fixtures/running-application.ts';
import { echo, withWsServer } from '../fixtures/ws-server.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Records what the loop's logger gets, and keeps it from standard error. */
function recorded(level: 'warn' | 'error'): MockInstance {
  return vi.spyOn(IOLoop.current().logger, level).mockImplementation(() => {});
}

afterEach(() => void vi.restoreAllMocks());

describe('websocketConnect with onMessage', () => {
  it('calls it with each message, one at a time, and with null at the end [WS-20] [WS-21]', () =>
    withWsServer(
      (peer) => {
        for (const text of ['a', 'b', 'c']) peer.send(text);
        peer.close(4000);
      },
      async ({ url }) => {
        const calls: string[] = [];
        const connection = await websocketConnect(url, {
          onMessage: async (message) => {
            calls.push(`start ${message}`);
            await later();
            calls.push(`end ${message}`);
          },
        });
        expect(calls).toEqual([]);
        await expect(connection.readMessage()).rejects.toMatchObject({ code: 'ERR_WEBSOCKET_BUSY' });
        await connection.waitClosed();
        await until(() => calls.at(-1) === 'end null');
        expect(calls).toEqual(['a', 'b', 'c', 'null'].flatMap((name) => [`start ${name}`, `end ${name}`]));
        expect(connection.closeCode).toBe(4000);
      },
    ));

  it('holds the server back while its promise is pending [WS-21]', async () => {
    const waiting: { goOn(): void }[] = [];
    let sent = 0;
    await withWsServer(
      async (peer) => {
        for (; sent < 400; sent += 1) {
          await new Promise((resolve) => peer.send(Buffer.alloc(64 * 1024), resolve));
        }
      },
      async ({ url }) => {
        const connection = await websocketConnect(url, {
          onMessage: (message) =>
            message === null ? undefined : new Promise<void>((resolve) => waiting.push({ goOn: resolve })),
        });
        let before = -1;
        while (before !== sent || sent === 0) {
          before = sent;
          for (let turn = 0; turn < 100; turn += 1) await later();
        }
        expect(sent).toBeLessThan(400);
        expect(waiting.length).toBe(1);
        while (sent < 400 || waiting.length < 400) {
          waiting.at(-1)?.goOn();
          await later();
        }
        connection.abort();
      },
    );
  });

  it('closes with 1011 if it fails, and logs the error once [WS-21]', async () => {
    const errors = recorded('error');
    const codes: number[] = [];
    const failure = new Error('a bug');
    await withWsServer(
      (peer) => {
        echo(peer);
        peer.on('close', (code) => codes.push(code));
      },
      async ({ url }) => {
        for (const fail of [() => Promise.reject(failure), () => raise(failure)]) {
          const connection = await websocketConnect(url, {
            onMessage: (message) => (message === null ? undefined : fail()),
          });
          await connection.writeMessage('x');
          await connection.waitClosed();
          expect(connection.closeError).toBe(failure);
        }
        await until(() => codes.length === 2);
      },
    );
    expect(codes).toEqual([1011, 1011]);
    expect(errors.mock.calls.map(([details]) => (details as { error: unknown }).error)).toEqual([
      failure,
      failure,
    ]);
  });

  it('must be a function [WS-20]', async () => {
    const attempt = websocketConnect('ws://127.0.0.1:9/', { onMessage: 'x' as never });
    await expect(attempt).rejects.toMatchObject({ code: 'ERR_WEBSOCKET_BAD_OPTION' });
  });
});

describe('a connection that is forgotten', () => {
  /** Makes a connection, and keeps no reference to it. */
  async function forget(url: string, options = {}): Promise<void> {
    await use(await websocketConnect(url, options));
  }
  async function closeAndForget(url: string): Promise<void> {
    (await websocketConnect(url)).close();
  }
  async function use(connection: WebSocketClientConnection): Promise<void> {
    await connection.writeMessage('hello');
  }

  it('is closed with 1001, with one warning that names its URL without the query [WS-21] [ATT-73]', async () => {
    const warnings = recorded('warn');
    const codes: number[] = [];
    await withWsServer(
      (peer) => peer.on('close', (code) => codes.push(code)),
      async ({ url }) => {
        await forget(`${url}/chat?token=secret`);
        while (codes.length === 0) {
          collectGarbage();
          await later();
        }
        expect(codes).toEqual([1001]);
        expect(warnings.mock.calls).toEqual([
          [{ url: `${url}/chat` }, expect.stringContaining('garbage-collected while it was open')],
        ]);
      },
    );
  });

  it('is not missed if it was closed, has an onMessage, or is still waited for [WS-21]', async () => {
    const warnings = recorded('warn');
    const received: unknown[] = [];
    await withWsServer(echo, async ({ url, server }) => {
      await closeAndForget(url);
      await forget(url, { onMessage: (message: unknown) => received.push(message) });
      const message = (await websocketConnect(url)).readMessage();
      const closed = (await websocketConnect(url)).waitClosed();
      for (let round = 0; round < 30; round += 1) {
        collectGarbage();
        await later();
      }
      expect(warnings).not.toHaveBeenCalled();
      for (const peer of server.clients) peer.send('still here');
      expect(await message).toBe('still here');
      await until(() => received.length === 2);
      expect(received).toEqual(['hello', 'still here']);
      for (const peer of server.clients) peer.terminate();
      await closed;
    });
  });
});

function raise(error: Error): never {
  throw error;
}
