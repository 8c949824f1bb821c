import type { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import {
  PreparedMessage,
  type ReconnectingWebSocket,
  type ReconnectingWebSocketOptions,
} from '../../src/index.ts';
import { collected, reconnecting, sending, withRawServer } from '../fixtures/reconnecting.ts';
import { until } from '../fixtures/running-application.ts';
import { echo, withWsServer } from '../fixtures/ws-server.ts';

describe('ReconnectingWebSocket, reading and writing', () => {
  it('refuses to write while there is no connection, and keeps nothing to be sent later [WS-20]', () => {
    const received: string[] = [];
    return withWsServer(
      (peer) => peer.on('message', (data) => received.push(String(data))),
      async ({ url }) => {
        const { socket } = reconnecting(url);
        expect([socket.isOpen, socket.connection, socket.attempt]).toEqual([false, undefined, 0]);
        const error = { name: 'WebSocketClosedError', message: 'there is no open connection' };
        await expect(socket.writeMessage('lost')).rejects.toMatchObject(error);
        void socket.writeMessage(new PreparedMessage('ignored'));
        expect(() => socket.writeMessage(1 as never)).toThrow(
          expect.objectContaining({ code: 'ERR_WEBSOCKET_UNSENDABLE_DATA' }),
        );
        expect(() => socket.writeMessage('x', { policy: 'never' as never })).toThrow(
          expect.objectContaining({ code: 'ERR_WEBSOCKET_BAD_OPTION' }),
        );
        await until(() => socket.isOpen);
        await socket.writeMessage({ a: 1 }, { policy: 'keep-latest', key: 'a' });
        await socket.writeMessage(new PreparedMessage('prepared'));
        await until(() => received.length === 2);
        expect(received).toEqual(['{"a":1}', 'prepared']);
        await socket[Symbol.asyncDispose]();
        await expect(socket.writeMessage('x')).rejects.toThrow('the WebSocket has ended');
      },
    );
  });

  it('slows the server down while the program does not read [WS-21]', () => {
    const COUNT = 400;
    const message = Buffer.alloc(64 * 1024);
    let peer: WebSocket | undefined;
    return withWsServer(
      (connected) => {
        peer = connected;
        for (let i = 0; i < COUNT; i += 1) connected.send(message);
        connected.close(1000);
      },
      async ({ url }) => {
        const { socket } = reconnecting(url);
        await until(() => peer !== undefined);
        let before = -1;
        let polls = 0;
        // The buffers of the kernel fill too.
        await until(() => {
          const amount = peer?.bufferedAmount ?? 0;
          polls = amount === before ? polls + 1 : 0;
          before = amount;
          return polls === 30;
        });
        expect(before).toBeGreaterThan((COUNT * message.length) / 4);
        let count = 0;
        for await (const received of socket) count += received.length === message.length ? 1 : 0;
        expect(count).toBe(COUNT);
      },
    );
  });

  it('allows one read and one loop at a time [WS-21]', () =>
    withWsServer(echo, async ({ url }) => {
      const { socket } = reconnecting(url);
      const busy = { code: 'ERR_WEBSOCKET_BUSY' };
      const first = socket[Symbol.asyncIterator]();
      const pending = first.next();
      await expect(socket.readMessage()).rejects.toMatchObject(busy);
      await expect(socket[Symbol.asyncIterator]().next()).rejects.toMatchObject(busy);
      await until(() => socket.isOpen);
      await socket.writeMessage('still open');
      expect(await pending).toEqual({ done: false, value: 'still open' });
      await first.return();
      await socket.waitClosed();
      expect(await socket.readMessage()).toBeNull();
    }));

  it('loses no message if a read is aborted [WS-21]', () =>
    withWsServer(echo, async ({ url }) => {
      const { socket } = reconnecting(url);
      const controller = new AbortController();
      const pending = socket.readMessage({ signal: controller.signal });
      controller.abort(new Error('enough'));
      await expect(pending).rejects.toThrow('enough');
      await until(() => socket.isOpen);
      await socket.writeMessage('kept');
      expect(await socket.readMessage()).toBe('kept');
      await expect(socket.readMessage({ timeout: 1 } as never)).rejects.toMatchObject({
        code: 'ERR_WEBSOCKET_BAD_OPTION',
      });
      await socket[Symbol.asyncDispose]();
    }));
});

/** What a WebSocket does when it is ended: the options for it, the server, and when it is there. */
interface Phase {
  readonly options?: ReconnectingWebSocketOptions;
  readonly target?: (url: string) => ConstructorParameters<typeof ReconnectingWebSocket>[0];
  readonly connected?: (peer: WebSocket) => void;
  readonly isThere: (socket: ReconnectingWebSocket, clock: VirtualClock) => boolean;
}

const forever = (): Promise<never> => new Promise(() => {});
let calls = 0;

const PHASES: Record<string, Phase> = {
  'it has just been created': { isThere: () => true },
  'the URL is awaited': {
    target: () => () => {
      calls += 1;
      return forever();
    },
    isThere: () => calls > 0,
  },
  'the options are awaited': {
    options: {
      connect: () => {
        calls += 1;
        return forever();
      },
    },
    isThere: () => calls > 0,
  },
  'it connects': { isThere: ({ attempt }) => attempt === 1 },
  'onOpen is pending': {
    options: {
      onOpen: () => {
        calls += 1;
        return forever();
      },
    },
    isThere: () => calls > 0,
  },
  'it is open': { isThere: ({ isOpen }) => isOpen },
  'it is open, and nothing is read': {
    connected: (peer) => {
      for (let i = 0; i < 1_000; i += 1) peer.send('message');
    },
    isThere: ({ isOpen }) => isOpen,
  },
  'it waits for the next attempt': {
    connected: (peer) => peer.close(1011),
    isThere: (_socket, clock) => clock.pending === 1,
  },
};

describe.each(Object.entries(PHASES))('ReconnectingWebSocket, ended while %s', (_phase, phase) => {
  const { options = {}, target = (url: string) => url, connected = () => {}, isThere } = phase;

  it.each(['close', 'signal'] as const)('by %s, leaves nothing open [ATT-73]', (how) =>
    withWsServer(connected, async ({ url, openSockets }) => {
      calls = 0;
      const controller = new AbortController();
      const given: AbortSignal[] = [];
      const { socket, clock } = reconnecting(
        (signal) => {
          given.push(signal);
          const chosen = target(url);
          return typeof chosen === 'function' ? chosen(signal) : chosen;
        },
        { ...options, signal: controller.signal },
      );
      await until(() => isThere(socket, clock));
      const reason = new Error('enough');
      if (how === 'close') socket.close(4000, 'bye');
      else controller.abort(reason);
      await socket.waitClosed();
      if (how === 'close') {
        for (const message of await collected(socket)) expect(message).toBe('message');
        expect(await socket.readMessage()).toBeNull();
      } else {
        await expect(socket.readMessage()).rejects.toBe(reason);
        await expect(collected(socket)).rejects.toBe(reason);
      }
      await until(() => openSockets() === 0);
      expect(given.every(({ aborted }) => aborted)).toBe(true);
      expect([clock.pending, socket.connection]).toEqual([0, undefined]);
      socket.close();
      await socket[Symbol.asyncDispose]();
    }),
  );

  it('settles a pending read [ATT-73]', () =>
    withWsServer(connected, async ({ url, openSockets }) => {
      calls = 0;
      const { socket, clock } = reconnecting(target(url), options);
      const reading = collected(socket);
      await until(() => isThere(socket, clock));
      socket.close();
      for (const message of await reading) expect(message).toBe('message');
      await socket.waitClosed();
      await until(() => openSockets() === 0);
      expect(clock.pending).toBe(0);
    }));
});

describe('ReconnectingWebSocket, ended', () => {
  it('sends the code and reason of close [WS-15]', () => {
    const closes: unknown[] = [];
    return withWsServer(
      (peer) => peer.on('close', (code, reason) => closes.push([code, String(reason)])),
      async ({ url }) => {
        const { socket, losses } = reconnecting(url);
        await until(() => socket.isOpen);
        expect(() => socket.close(1005)).toThrow(
          expect.objectContaining({ code: 'ERR_WEBSOCKET_UNSENDABLE_CLOSE' }),
        );
        expect(socket.isOpen).toBe(true);
        socket.close(4000, 'bye');
        await socket.waitClosed();
        await until(() => closes.length > 0);
        expect([closes, losses]).toEqual([[[4000, 'bye']], []]);
      },
    );
  });

  it('closes when the loop is left [WS-21]', () =>
    withWsServer(
      (peer) => peer.send('1'),
      async ({ url, openSockets }) => {
        const { socket } = reconnecting(url);
        for await (const message of socket) {
          expect(message).toBe('1');
          break;
        }
        await socket.waitClosed();
        await until(() => openSockets() === 0);
      },
    ));

  it('is given up while the server does not respond to the handshake [ATT-73]', () => {
    let asked = 0;
    return withRawServer(
      (peer) => peer.on('data', () => (asked += 1)),
      async ({ url, openSockets }) => {
        const { socket } = reconnecting(url);
        await until(() => asked > 0);
        await socket[Symbol.asyncDispose]();
        await until(() => openSockets() === 0);
        expect(await socket.readMessage()).toBeNull();
      },
    );
  });

  it('never connects with a signal that is aborted already [ATT-73]', () =>
    withWsServer(echo, async ({ url, requests }) => {
      const { socket } = reconnecting(url, { signal: AbortSignal.abort(new Error('early')) });
      await expect(socket.readMessage()).rejects.toThrow('early');
      await socket.waitClosed();
      expect([socket.attempt, requests.length]).toEqual([0, 0]);
    }));

  it('is not changed by a signal that is aborted later [ATT-73]', () =>
    withWsServer(sending(['1'], 1000), async ({ url }) => {
      const controller = new AbortController();
      const { socket } = reconnecting(url, { signal: controller.signal });
      await socket.waitClosed();
      controller.abort();
      expect(await collected(socket)).toEqual(['1']);
    }));
});
