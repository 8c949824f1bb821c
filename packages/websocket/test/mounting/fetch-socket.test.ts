import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { WebSocket as WsClient } from 'ws';
import {
  type CloseEvent,
  type ErrorEvent,
  type ServerWebSocket,
  upgradeWebSocket,
} from '../../src/fetch/index.ts';
import { broadcast, parseMessage, websocketConnect } from '../../src/index.ts';
import { MASK, RawClient } from '../fixtures/raw-client.ts';
import { until } from '../fixtures/running-application.ts';
import { encode, fragments } from '../fixtures/wire-frames.ts';
import { echo, withFetch, withSockets } from './fetch-server.ts';

/** Records the events of a socket as text. */
function recordInto(events: string[]): (socket: ServerWebSocket) => void {
  return (socket) => {
    socket.onopen = () => events.push(`open ${socket.readyState}`);
    socket.onmessage = ({ data }) => events.push(`message ${String(data)}`);
    socket.onerror = ({ message }) => events.push(`error ${message}`);
    socket.onclose = ({ code, reason, wasClean }) =>
      events.push(`close ${code} ${reason} ${wasClean} ${socket.readyState}`);
  };
}

describe('ServerWebSocket', () => {
  it('opens after its listeners were added, and ends as the client closes', () => {
    const events: string[] = [];
    const states: number[] = [];
    return withSockets(
      (socket) => {
        states.push(socket.readyState);
        recordInto(events)(socket);
        expect(() => socket.send('early')).toThrow(expect.objectContaining({ name: 'InvalidStateError' }));
      },
      async ({ url }) => {
        const client = await websocketConnect(url);
        await client.writeMessage('one');
        client.close(4001, 'bye');
        await client.waitClosed();
        await until(() => events.length === 3);
        expect(states).toEqual([0]);
        expect(events).toEqual(['open 1', 'message one', 'close 4001 bye true 3']);
      },
    );
  });

  it('keeps messages until a listener is added, however late', () => {
    let addListener = (): void => {};
    const late = new Promise<void>((resolve) => {
      addListener = resolve;
    });
    const events: string[] = [];
    return withFetch(
      async (request) => {
        const { socket, response } = upgradeWebSocket(request);
        await late;
        recordInto(events)(socket);
        return response;
      },
      async ({ port }) => {
        const client = await RawClient.open(port);
        client.send(encode({ fin: true, rsv: 0, opcode: 1, payload: Buffer.from('early') }, MASK));
        for (let turns = 0; turns < 5; turns += 1) await turn();
        addListener();
        await until(() => events.length === 2);
        expect(events).toEqual(['open 1', 'message early']);
        client.socket.destroy();
      },
    );
  });

  it('tells of a client that left before a listener was added', () => {
    const events: string[] = [];
    let upgraded: ServerWebSocket | undefined;
    return withFetch(
      (request) => {
        const { socket, response } = upgradeWebSocket(request);
        upgraded = socket;
        return response;
      },
      async ({ port }) => {
        const client = await RawClient.open(port);
        client.socket.resetAndDestroy();
        await until(() => upgraded?.readyState === 3);
        recordInto(events)(upgraded as ServerWebSocket);
        await until(() => events.length > 0 && (events.at(-1) as string).startsWith('close'));
        expect(events.at(-1)).toBe('close 1006  false 3');
        expect(events).not.toContain('open 1');
      },
    );
  });

  it('has the URL, and no subprotocol or extensions by default', () =>
    withSockets(echo, async ({ port, sockets }) => {
      const client = await RawClient.open(port, '/room?x=1');
      const { url, protocol, extensions, bufferedAmount } = sockets[0] as ServerWebSocket;
      expect([url, protocol, extensions, bufferedAmount]).toEqual(['ws://example.com/room?x=1', '', '', 0]);
      client.socket.destroy();
    }));

  it.each<[number | undefined, string | undefined, [number, string]]>([
    [undefined, undefined, [1005, '']],
    [1000, undefined, [1000, '']],
    [1008, 'rules', [1008, 'rules']],
    [4999, 'own', [4999, 'own']],
    [undefined, 'only a reason', [1000, 'only a reason']],
  ])('closes with the code %s and the reason %s', (code, reason, expected) =>
    withSockets(
      (socket) => {
        socket.onopen = () => socket.close(code, reason);
      },
      async ({ url, sockets }) => {
        const client = new WsClient(url);
        const [received, text] = await once(client, 'close');
        expect([received, String(text)]).toEqual(expected);
        await until(() => sockets[0]?.readyState === 3);
      },
    ),
  );

  it('refuses codes that must not be sent, and long reasons', () => {
    const errors: unknown[] = [];
    return withSockets(
      (socket) => {
        socket.onopen = () => {
          for (const [code, reason] of [[1005], [999], [5000], [1000, 'é'.repeat(62)]] as [
            number,
            string?,
          ][]) {
            try {
              socket.close(code, reason);
            } catch (error) {
              errors.push((error as Error).name);
            }
          }
          socket.close(1000, 'é'.repeat(61));
        };
      },
      async ({ url }) => {
        const client = await websocketConnect(url);
        await client.waitClosed();
        expect(errors).toEqual([
          'InvalidAccessError',
          'InvalidAccessError',
          'InvalidAccessError',
          'SyntaxError',
        ]);
        expect([client.closeCode, client.closeReason.length]).toEqual([1000, 61]);
      },
    );
  });

  it('does not fire open if it was closed before', () => {
    const events: string[] = [];
    return withSockets(
      (socket) => {
        recordInto(events)(socket);
        socket.close(4000);
        expect(socket.readyState).toBe(2);
      },
      async ({ url }) => {
        const client = await websocketConnect(url);
        await client.waitClosed();
        expect(client.closeCode).toBe(4000);
        await until(() => events.length > 0);
        expect(events).toEqual(['close 4000  true 3']);
      },
    );
  });

  it('delivers binary messages as an ArrayBuffer or a Blob, and sends both', () => {
    const kinds: string[] = [];
    return withSockets(
      (socket) => {
        socket.onmessage = ({ data }) => {
          kinds.push(Object.prototype.toString.call(data));
          socket.send(data);
          socket.binaryType = 'blob';
        };
      },
      async ({ url }) => {
        const client = await websocketConnect(url);
        for (const bytes of [Uint8Array.of(1, 2), Uint8Array.of(3)]) {
          await client.writeMessage(bytes);
          expect(Uint8Array.from((await client.readMessage()) as Uint8Array)).toEqual(bytes);
        }
        expect(kinds).toEqual(['[object ArrayBuffer]', '[object Blob]']);
        client.close();
        await client.waitClosed();
      },
    );
  });

  it('receives a message in fragments as one', () => {
    const events: string[] = [];
    return withSockets(recordInto(events), async ({ port }) => {
      const client = await RawClient.open(port);
      client.send(...fragments(1, 'a message in fragments', 3).map((part) => encode(part, MASK)));
      await until(() => events.length === 2);
      expect(events[1]).toBe('message a message in fragments');
      client.socket.destroy();
    });
  });

  it('reports a client that breaks the protocol, with the error', () => {
    const errors: unknown[] = [];
    const closes: CloseEvent[] = [];
    return withSockets(
      (socket) => {
        socket.addEventListener('error', (event: ErrorEvent) => errors.push(event.error));
        socket.addEventListener('close', (event) => closes.push(event));
      },
      async ({ port, log }) => {
        const client = await RawClient.open(port);
        client.send(encode({ fin: true, rsv: 0, opcode: 1, payload: Buffer.from('unmasked') }));
        expect(await client.frame()).toMatch(/^close 1002/);
        await client.untilEnd();
        await until(() => closes.length === 1);
        expect(errors).toEqual([expect.objectContaining({ code: 'ERR_WEBSOCKET_UNMASKED_FRAME' })]);
        expect(closes[0]).toMatchObject({ code: 1006, wasClean: false });
        expect(log.problems).toEqual([]);
      },
    );
  });

  it('reports a client that leaves as 1006', () => {
    const events: string[] = [];
    return withSockets(recordInto(events), async ({ port, log }) => {
      const client = await RawClient.open(port);
      await until(() => events.length === 1);
      client.socket.destroy();
      await until(() => events.at(-1)?.startsWith('close') === true);
      expect(events.at(-1)).toBe('close 1006  false 3');
      expect(log.problems).toEqual([]);
    });
  });

  it('resets the connection with abort', () => {
    const events: string[] = [];
    return withSockets(
      (socket) => {
        recordInto(events)(socket);
        socket.addEventListener('open', () => socket.abort(new Error('enough')));
      },
      async ({ url }) => {
        const client = await websocketConnect(url);
        await client.waitClosed();
        expect(client.closeCode).toBe(1006);
        await until(() => events.length === 3);
        expect(events.slice(1)).toEqual(['error enough', 'close 1006  false 3']);
      },
    );
  });

  it('takes part in broadcasts', () =>
    withSockets(echo, async ({ url, sockets }) => {
      const clients = await Promise.all([websocketConnect(url), websocketConnect(url)]);
      await until(() => sockets.every(({ readyState }) => readyState === 1));
      expect(broadcast(sockets, { type: 'news' })).toBe(2);
      for (const client of clients) {
        expect(await client.readMessage()).toBe('{"type":"news"}');
        client.close();
        await client.waitClosed();
      }
      await until(() => sockets.every(({ readyState }) => readyState === 3));
      expect(broadcast(sockets, 'more')).toBe(0);
    }));
});

describe('ServerWebSocket, calling listeners', () => {
  it.each<[string, (socket: ServerWebSocket) => void]>([
    [
      'a handler that throws',
      (socket) => {
        socket.onmessage = () => {
          throw new Error('broken');
        };
      },
    ],
    [
      'a handler that rejects',
      (socket) => {
        socket.onmessage = async () => {
          throw new Error('broken');
        };
      },
    ],
    [
      'an object that throws',
      (socket) =>
        socket.addEventListener('message', {
          handleEvent() {
            throw new Error('broken');
          },
        }),
    ],
    [
      'a listener of open that rejects',
      (socket) => socket.addEventListener('open', () => Promise.reject(new Error('broken'))),
    ],
  ])('logs the error of %s once, and closes with 1011', (_, prepare) =>
    withSockets(prepare, async ({ url, log }) => {
      const client = await websocketConnect(url);
      await client.writeMessage('x');
      await client.waitClosed();
      expect(client.closeCode).toBe(1011);
      expect(log.problems).toEqual([
        {
          message: 'a listener of a WebSocket threw or rejected',
          error: expect.objectContaining({ message: 'broken' }),
        },
      ]);
    }),
  );

  it('closes with the code of a message that parseMessage refuses, and does not log it', () =>
    withSockets(
      (socket) => {
        socket.onmessage = ({ data }) => parseMessage(data);
      },
      async ({ url, log }) => {
        const client = await websocketConnect(url);
        await client.writeMessage('{');
        await client.waitClosed();
        expect(client.closeCode).toBe(1007);
        expect(log.problems).toEqual([]);
      },
    ));

  it('removes listeners, and calls those with once only once', () => {
    const calls: string[] = [];
    return withSockets(
      (socket) => {
        const removed = (): void => void calls.push('removed');
        socket.addEventListener('message', removed);
        socket.addEventListener('message', () => calls.push('once'), { once: true });
        socket.addEventListener('message', () => calls.push('each'));
        socket.removeEventListener('message', removed);
        socket.onmessage = () => calls.push('replaced');
        socket.onmessage = () => calls.push('handler');
      },
      async ({ url }) => {
        const client = await websocketConnect(url);
        await client.writeMessage('1');
        await client.writeMessage('2');
        await until(() => calls.length === 5);
        expect(calls).toEqual(['once', 'each', 'handler', 'each', 'handler']);
        client.close();
        await client.waitClosed();
      },
    );
  });

  it.each([1, 3])('reads no more while the listeners of %i messages are pending', (maxPendingMessages) => {
    const received: string[] = [];
    const finish: (() => void)[] = [];
    return withSockets(
      (socket) => {
        socket.onmessage = ({ data }) => {
          received.push(data);
          return new Promise<void>((resolve) => finish.push(resolve));
        };
      },
      async ({ url }) => {
        const client = await websocketConnect(url);
        for (let count = 0; count < 5; count += 1) await client.writeMessage(String(count));
        await until(() => received.length === maxPendingMessages);
        for (let turns = 0; turns < 5; turns += 1) await turn();
        expect(received).toHaveLength(maxPendingMessages);
        while (received.length < 5) {
          finish.shift()?.();
          await turn();
          expect(received.length).toBeLessThanOrEqual(5);
        }
        expect(received).toEqual(['0', '1', '2', '3', '4']);
        for (const resolve of finish) resolve();
        client.close();
        await client.waitClosed();
      },
      { maxPendingMessages },
    );
  });
});

describe('ServerWebSocket, with a client that does not read', () => {
  const MIB = 1024 * 1024;

  it('makes writeMessage wait until the client reads', () =>
    withSockets(echo, async ({ port, sockets }) => {
      const client = await RawClient.open(port);
      client.socket.pause();
      const [socket] = sockets as [ServerWebSocket];
      await until(() => socket.readyState === 1);
      let written = 0;
      let isWaiting = false;
      while (!isWaiting) {
        const writing = socket.writeMessage(new Uint8Array(MIB)).then(() => 'written');
        written += 1;
        // The last one waits, however often the loop turns.
        let outcome: string | undefined;
        for (let turns = 0; turns < 20 && outcome === undefined; turns += 1)
          outcome = await Promise.race([writing, turn(undefined)]);
        isWaiting = outcome === undefined;
        if (isWaiting) {
          expect(socket.queuedBytes).toBeGreaterThan(0);
          client.socket.resume();
          expect(await writing).toBe('written');
        }
      }
      await client.frame(written);
      client.socket.destroy();
    }));

  it('closes the connection if more than maxQueuedBytes are sent', () => {
    const errors: unknown[] = [];
    return withSockets(
      (socket) => {
        socket.onerror = ({ error }) => errors.push(error);
      },
      async ({ port, sockets }) => {
        const client = await RawClient.open(port);
        client.socket.pause();
        const [socket] = sockets as [ServerWebSocket];
        await until(() => socket.readyState === 1);
        while (socket.readyState === 1) {
          socket.send(new Uint8Array(MIB));
          await turn();
        }
        client.socket.resume();
        expect((await client.untilEnd()).at(-1)).toMatch(/^close 1008/);
        await until(() => socket.readyState === 3);
        expect(errors).toEqual([expect.objectContaining({ code: 'ERR_WEBSOCKET_QUEUE_FULL' })]);
        expect(socket.bufferedAmount).toBeGreaterThan(0);
        await expect(socket.writeMessage('late')).rejects.toThrow(
          expect.objectContaining({ code: 'ERR_WEBSOCKET_CLOSED' }),
        );
      },
      { maxQueuedBytes: 2 * MIB },
    );
  });
});
