import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { makeIdentity } from '../../../httpclient/test/fixtures/certificates.ts';
import {
  ReconnectingWebSocket,
  type ReconnectingWebSocketOptions,
  type WebSocketClientConnection,
} from '../../src/index.ts';
import {
  collected,
  passingTime,
  reconnecting,
  scripted,
  sending,
  unusedPort,
  withNonce,
  withRawServer,
  withRefusingServer,
} from '../fixtures/reconnecting.ts';
import { RecordingHandler } from '../fixtures/recording-handler.ts';
import { until, withApp } from '../fixtures/running-application.ts';
import { echo, withWsServer } from '../fixtures/ws-server.ts';

describe('ReconnectingWebSocket', () => {
  it('delivers the messages of all its connections in order, and ends when the server closes with 1000 [WS-20, WS-21]', () =>
    withWsServer(
      scripted(sending(['1', '2'], 1012), sending([], 1001), sending(['3'], 1011), sending(['4'])),
      async ({ url, requests, openSockets }) => {
        const { socket, clock, losses } = reconnecting(url);
        expect(await passingTime(clock, collected(socket))).toEqual(['1', '2', '3', '4']);
        const [first, last] = [losses.slice(0, -1), losses.at(-1)];
        expect(first).toEqual([1012, 1001, 1011, 1005].map((code) => [code, 1_000]));
        expect(last).toEqual([1000, undefined]);
        expect(requests).toHaveLength(5);
        expect(await socket.readMessage()).toBeNull();
        await until(() => openSockets() === 0);
        expect(clock.pending).toBe(0);
      },
    ));

  it.each([1001, 1005, 1006, 1011, 1012, 1013, 1014])(
    'connects again after the close code %d [WS-20]',
    (code) =>
      withWsServer(
        scripted((peer) => {
          if (code === 1006) peer.terminate();
          else peer.close(code === 1005 ? undefined : code);
        }),
        async ({ url, requests }) => {
          const { socket, clock, losses } = reconnecting(url);
          expect(await passingTime(clock, collected(socket))).toEqual([]);
          expect(losses).toEqual([
            [code, 1_000],
            [1000, undefined],
          ]);
          expect(requests).toHaveLength(2);
        },
      ),
  );

  it('connects again if the connection ends while onOpen waits for it [WS-20] [ATT-73]', () =>
    withWsServer(scripted(sending([], 1011)), async ({ url, requests }) => {
      let first: WebSocketClientConnection | undefined;
      const { socket, clock } = reconnecting(url, {
        onOpen: (connection) => {
          first ??= connection;
          return connection === first ? new Promise(() => {}) : undefined;
        },
      });
      expect(await passingTime(clock, collected(socket))).toEqual([]);
      expect(requests).toHaveLength(2);
    }));

  it.each([1002, 1003, 1007, 1008, 1009, 1010, 3000, 4000, 4999])(
    'ends with an error after the close code %d [WS-20]',
    (code) =>
      withWsServer(
        (peer) => {
          peer.send('last');
          peer.close(code, 'because');
        },
        async ({ url, requests }) => {
          const { socket, clock, losses } = reconnecting(url);
          expect(await socket.readMessage()).toBe('last');
          const error = {
            name: 'WebSocketReconnectError',
            code: 'ERR_WEBSOCKET_NOT_RECONNECTED',
            message: expect.stringContaining(`close code ${code} "because"`),
            closeCode: code,
            closeReason: 'because',
          };
          await expect(socket.readMessage()).rejects.toMatchObject(error);
          await expect(socket.readMessage()).rejects.toMatchObject(error);
          await expect(socket.writeMessage('x')).rejects.toMatchObject({
            code: 'ERR_WEBSOCKET_CLOSED',
            cause: error,
          });
          expect([losses, requests.length, clock.pending]).toEqual([[[code, undefined]], 1, 0]);
        },
      ),
  );

  it('ends with an error if the server breaks the protocol or a limit [WS-11, WS-14]', () =>
    withWsServer(
      (peer) => peer.send('x'.repeat(2_000)),
      async ({ url, requests }) => {
        const { socket, losses } = reconnecting(url, { connect: { maxMessageBytes: 1_000 } });
        await expect(socket.readMessage()).rejects.toMatchObject({
          code: 'ERR_WEBSOCKET_NOT_RECONNECTED',
          closeCode: 1006,
          cause: { code: 'ERR_WEBSOCKET_MESSAGE_TOO_BIG' },
        });
        expect([losses, requests.length]).toEqual([[[1006, undefined]], 1]);
      },
    ));

  it('connects again to a server that was stopped and started again [WS-20]', async () => {
    const port = await unusedPort();
    const { socket, clock, losses } = reconnecting(`ws://127.0.0.1:${port}`, { random: () => 0.5 });
    const first = socket.readMessage();
    await until(() => losses.length === 1);
    await clock.advance(1_500);
    await until(() => losses.length === 2);
    await withWsServer(
      (peer) => peer.send('one'),
      async () => {
        expect(await passingTime(clock, first)).toBe('one');
        expect(socket.isOpen).toBe(true);
      },
      { port },
    );
    const second = socket.readMessage();
    await until(() => losses.length >= 3);
    expect([socket.isOpen, socket.connection]).toEqual([false, undefined]);
    await withWsServer(
      (peer) => peer.send('two'),
      async () => {
        expect(await passingTime(clock, second)).toBe('two');
        await socket[Symbol.asyncDispose]();
      },
      { port },
    );
    expect(losses.slice(0, 3)).toEqual([
      ['ECONNREFUSED', 1_500],
      ['ECONNREFUSED', 2_000],
      [1006, 3_000],
    ]);
    expect(clock.pending).toBe(0);
  });

  it('connects again if pings get no reply [WS-16, WS-20]', () =>
    withWsServer(
      () => {},
      async ({ url, requests }) => {
        const { socket, clock, losses } = reconnecting(url, { connect: { pingIntervalMs: 20 } });
        await until(() => losses.length === 1);
        expect(losses).toEqual([[1006, 1_000]]);
        await clock.advance(1_000);
        await until(() => requests.length === 2);
        await socket[Symbol.asyncDispose]();
      },
      { ws: { autoPong: false } },
    ));

  it('waits until a server of Landspout has stopped, and for the next one [WS-20]', async () => {
    const port = await unusedPort();
    const { socket, clock, losses } = reconnecting(`ws://127.0.0.1:${port}/`, {
      onOpen: (connection) => connection.writeMessage('hello'),
    });
    for (const code of [1012, 1001]) {
      await withApp(
        [['/', RecordingHandler]],
        async ({ server }) => {
          expect(await passingTime(clock, socket.readMessage())).toBe('hello');
          await server.stop({ final: code === 1001 });
        },
        { port },
      );
      await until(() => losses.at(-1)?.[0] === code);
    }
    await socket[Symbol.asyncDispose]();
    expect(clock.pending).toBe(0);
  });

  it('spreads the clients of a server that restarts [WS-20]', () =>
    withWsServer(scripted(sending([], 1012), sending([], 1013)), async ({ url }) => {
      const { socket, clock, losses } = reconnecting(url, { random: () => 0.75 });
      await passingTime(clock, collected(socket));
      expect(losses.slice(0, 2)).toEqual([
        [1012, 8_500],
        [1013, 8_500],
      ]);
    }));
});

describe('ReconnectingWebSocket, when the server refuses', () => {
  it('waits for as long as Retry-After says, up to the limit [WS-20]', () =>
    withRefusingServer([[503, '7'], [429, '100000'], [503], [500], [425], [408]], async (url) => {
      const { socket, clock, losses } = reconnecting(url, { connect: withNonce, maxRetryAfterMs: 60_000 });
      const reading = collected(socket);
      await until(() => losses.length === 1);
      expect(losses[0]).toEqual([503, 7_000]);
      await clock.advance(6_999);
      expect(losses).toHaveLength(1);
      await clock.advance(1);
      await until(() => losses.length === 2);
      expect(losses[1]).toEqual([429, 60_000]);
      expect(await passingTime(clock, reading)).toEqual(['open']);
      expect(losses.slice(2).map(([status]) => status)).toEqual([503, 500, 425, 408, 1000]);
    }));

  it('waits for the date of Retry-After [WS-20]', () =>
    withRefusingServer([[503, 'Thu, 01 Jan 1970 00:00:42 GMT']], async (url) => {
      const { socket, clock, losses } = reconnecting(url, { connect: withNonce });
      expect(await passingTime(clock, collected(socket))).toEqual(['open']);
      expect(losses[0]).toEqual([503, 42_000]);
    }));

  it.each([301, 400, 401, 403, 404, 410])('ends with the error of a response with %d [WS-20]', (status) =>
    withRefusingServer([[status, '1']], async (url) => {
      const { socket, clock, losses } = reconnecting(url, { connect: withNonce });
      await expect(collected(socket)).rejects.toMatchObject({ name: 'WebSocketHandshakeError', status });
      expect([losses, clock.pending]).toEqual([[[status, undefined]], 0]);
    }),
  );

  it('ends with the error of a certificate that is not trusted [WS-20]', async () => {
    const { key, cert } = makeIdentity('DNS:localhost,IP:127.0.0.1');
    await withWsServer(
      () => {},
      async ({ url, openSockets }) => {
        const { socket, losses } = reconnecting(url);
        await expect(socket.readMessage()).rejects.toMatchObject({ code: 'ERR_STREAM_TLS' });
        expect(losses).toEqual([['ERR_STREAM_TLS', undefined]]);
        await until(() => openSockets() === 0);
      },
      { tls: { key, cert } },
    );
  });

  it('ends with the error of a server that does not speak HTTP [WS-20]', () =>
    withRawServer(
      (socket) => socket.end('220 mail.example.com ESMTP\r\n'),
      async ({ url }) => {
        const { socket } = reconnecting(url);
        await expect(socket.readMessage()).rejects.toMatchObject({ name: 'Http1ProtocolError' });
      },
    ));

  it('connects again if the connection ends before a response [WS-20]', () =>
    withRawServer(
      (socket) => socket.once('data', () => socket.end()),
      async ({ url }) => {
        const { socket, losses, clock } = reconnecting(url, { maxAttempts: 2 });
        await expect(passingTime(clock, socket.readMessage())).rejects.toMatchObject({
          code: 'ERR_WEBSOCKET_ATTEMPTS',
        });
        expect(losses.map(([, retryInMs]) => retryInMs)).toEqual([1_000, undefined]);
      },
    ));

  it.each<[string, ReconnectingWebSocketOptions, string]>([
    ['http://127.0.0.1/', {}, 'ERR_WEBSOCKET_BAD_URL'],
    ['ws://127.0.0.1/', { connect: { maxMessageBytes: 0 } }, 'ERR_WEBSOCKET_BAD_OPTION'],
    [
      'ws://127.0.0.1/',
      { connect: () => ({ signal: AbortSignal.abort() }) as object },
      'ERR_WEBSOCKET_BAD_OPTION',
    ],
  ])('ends with the error of an invalid call: %s %j [WS-20]', async (url, options, code) => {
    const { socket, losses } = reconnecting(url, options);
    await expect(socket.readMessage()).rejects.toMatchObject({ name: 'WebSocketUsageError', code });
    expect(losses).toEqual([[code, undefined]]);
  });
});

describe('ReconnectingWebSocket, options', () => {
  it.each<[object, string]>([
    [{ maxRetries: 1 }, 'maxRetries'],
    [{ minRetryMs: 0 }, 'minRetryMs'],
    [{ minRetryMs: 2_000, maxRetryMs: 1_000 }, 'maxRetryMs'],
    [{ maxRetryAfterMs: -1 }, 'maxRetryAfterMs'],
    [{ restartSpreadMs: Number.NaN }, 'restartSpreadMs'],
    [{ stableMs: '5' }, 'stableMs'],
    [{ maxAttempts: 0 }, 'maxAttempts'],
    [{ maxAttempts: 1.5 }, 'maxAttempts'],
    [{ onOpen: true }, 'onOpen'],
    [{ onDisconnect: {} }, 'onDisconnect'],
    [{ shouldReconnect: false }, 'shouldReconnect'],
    [{ signal: {} }, 'signal'],
    [{ clock: { now: () => 0 } }, 'clock'],
    [{ random: 1 }, 'random'],
    [{ connect: null }, 'connect'],
    [{ connect: { signal: new AbortController().signal } }, 'signal'],
  ])('%j are refused by name [WS-20]', (options, name) => {
    expect(() => new ReconnectingWebSocket('ws://127.0.0.1:1/', options as never)).toThrow(
      expect.objectContaining({
        code: 'ERR_WEBSOCKET_BAD_OPTION',
        message: expect.stringMatching(new RegExp(`^ReconnectingWebSocket: .*${name}`)),
      }),
    );
  });

  it('never show credentials [WS-20]', () =>
    withWsServer(echo, async ({ url }) => {
      const connect = { headers: { Authorization: 'Bearer hunter2' } };
      const { socket } = reconnecting(`${url}/?token=hunter2`, { connect });
      expect(inspect(socket)).toBe("ReconnectingWebSocket { attempt: 0, state: 'connecting' }");
      await until(() => socket.isOpen);
      expect(inspect(socket)).toMatch(/attempt: 1,\s+connection: WebSocketClientConnection/);
      expect(inspect(socket, { depth: 9 })).not.toContain('hunter2');
      await socket[Symbol.asyncDispose]();
      expect(inspect(socket)).toContain("state: 'closed'");
    }));
});
