import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Future } from '@landspout/ioloop';
import { beforeEach, describe, expect, it } from 'vitest';
import { WebSocketHandler } from '../../src/index.ts';
import { encodeClose, encodeMessage, encodePing, encodePong } from '../../src/protocol/index.ts';
import { gate } from '../fixtures/gate.ts';
import { MASK, RawClient, upgradeText } from '../fixtures/raw-client.ts';
import { RecordingHandler } from '../fixtures/recording-handler.ts';
import { until, withApp } from '../fixtures/running-application.ts';

beforeEach(() => RecordingHandler.reset());

const broken = new Error('a bug');

describe('WebSocketHandler, calling back', () => {
  it('delivers no message before onOpen settles, but may write [WS-03]', async () => {
    const { opened, open } = gate();
    class Opens extends RecordingHandler {
      override async onOpen(): Promise<void> {
        super.onOpen();
        void this.writeMessage('welcome');
        await opened;
        this.calls.push('opened');
      }
    }
    await withApp([['/', Opens]], async ({ port }) => {
      const client = await RawClient.open(port);
      client.send(encodeMessage('1', MASK), encodeMessage('2', MASK));
      expect(await client.frame()).toBe('text welcome');
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(RecordingHandler.only.calls).toEqual(['open']);
      open();
      expect(await client.frame(3)).toBe('text 2');
      expect(RecordingHandler.only.calls).toEqual(['open', 'opened', 'message 1', 'message 2']);
      client.socket.destroy();
    });
  });

  it('calls onClose after onOpen, even when the peer leaves meanwhile [WS-03]', async () => {
    const { opened, open } = gate();
    class Opens extends RecordingHandler {
      override async onOpen(): Promise<void> {
        super.onOpen();
        await opened;
        this.calls.push('opened');
      }
    }
    await withApp([['/', Opens]], async ({ port }) => {
      const client = await RawClient.open(port);
      await until(() => RecordingHandler.opened.length === 1);
      const handler = RecordingHandler.only;
      client.socket.resetAndDestroy();
      await until(() => handler.signal.aborted);
      expect(handler.calls).toEqual(['open']);
      open();
      await until(() => handler.closes > 0);
      expect(handler.calls).toEqual(['open', 'opened', 'close']);
    });
  });

  it('takes no abort of the signal for an error: the connection has ended [WS-06]', async () => {
    let settled = 0;
    class Waits extends RecordingHandler {
      override async onMessage(message: string | Uint8Array): Promise<void> {
        super.onMessage(message);
        try {
          await delay(2 ** 30, undefined, { signal: this.signal });
        } catch (error) {
          settled += 1;
          throw new Error('the message cannot be handled', { cause: error });
        }
      }
    }
    await withApp([['/', Waits]], async ({ port, log }) => {
      const client = await RawClient.open(port);
      client.send(encodeMessage('1', MASK));
      await until(() => RecordingHandler.opened[0]?.calls.includes('message 1') === true);
      client.socket.resetAndDestroy();
      await until(() => settled === 1 && RecordingHandler.only.closes === 1);
      await new Promise((resolve) => setImmediate(resolve));
      expect(log.problems).toEqual([]);
    });
  });

  it('deals with messages one by one, in order, however long each takes [WS-03]', async () => {
    const log: string[] = [];
    class InOrder extends WebSocketHandler {
      override async onMessage(message: string | Uint8Array): Promise<void> {
        log.push(`begin ${message}`);
        if (Number(message) % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
        log.push(`end ${message}`);
        void this.writeMessage(message);
      }
    }
    await withApp([['/', InOrder]], async ({ port }) => {
      const client = await RawClient.open(port);
      client.send(Buffer.concat(Array.from({ length: 1000 }, (_, i) => encodeMessage(String(i), MASK))));
      await client.frame(1000);
      const numbers = Array.from({ length: 1000 }, (_, i) => i);
      expect(client.frames).toEqual(numbers.map((i) => `text ${i}`));
      expect(log).toEqual(numbers.flatMap((i) => [`begin ${i}`, `end ${i}`]));
      client.socket.destroy();
    });
  });

  it('stops reading while a message is dealt with: the sender feels it [WS-03]', async () => {
    const { opened, open } = gate();
    let messages = 0;
    class Slow extends WebSocketHandler {
      override onMessage(): unknown {
        messages += 1;
        return opened;
      }
    }
    await withApp([['/', Slow]], async ({ port }) => {
      const client = await RawClient.open(port);
      const frame = encodeMessage(new Uint8Array(64 * 1024), MASK);
      for (let i = 0; i < 1000; i += 1) client.send(frame);
      let before = -1;
      // 64 MB do not fit into the socket buffers, so the queue of the sender stops shrinking.
      while (before !== client.socket.writableLength) {
        before = client.socket.writableLength;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      expect(before).toBeGreaterThan(32 * 1024 * 1024);
      expect(messages).toBe(1);
      open();
      await until(() => messages === 1000);
      client.socket.destroy();
    });
  });

  it('notices that the peer has left while a message is dealt with [WS-15]', async () => {
    const { opened, open } = gate();
    class Slow extends RecordingHandler {
      override onMessage(message: string): unknown {
        this.calls.push(message);
        return opened;
      }
    }
    await withApp([['/', Slow]], async ({ port, log }) => {
      const client = await RawClient.open(port);
      client.send(encodeMessage('wait', MASK));
      await until(() => RecordingHandler.opened[0]?.calls.length === 2);
      client.socket.resetAndDestroy();
      await until(() => RecordingHandler.only.closes > 0);
      open();
      expect(RecordingHandler.only.calls).toEqual(['open', 'wait', 'close']);
      expect(log.problems).toEqual([]);
    });
  });

  it('closes although onMessage never settles, when it has called close itself [WS-15]', async () => {
    class Stuck extends RecordingHandler {
      override onMessage(): unknown {
        this.close(4000);
        return new Promise(() => {});
      }
    }
    await withApp([['/', Stuck]], async ({ port }) => {
      const client = await RawClient.open(port);
      client.send(encodeMessage('x', MASK));
      expect(await client.frame()).toBe('close 4000');
      client.send(encodeClose(4000, '', MASK));
      await until(() => RecordingHandler.only.closes > 0);
      expect(RecordingHandler.only.closeCode).toBe(4000);
      client.socket.destroy();
    });
  });

  it('sees the answer to its close frame behind messages that onMessage never came to [WS-15]', async () => {
    class Stuck extends RecordingHandler {
      override onMessage(message: string): unknown {
        this.calls.push(message);
        return new Promise(() => {});
      }
    }
    await withApp([['/', Stuck]], async ({ port }) => {
      const client = await RawClient.open(port);
      client.send(Buffer.concat([encodeMessage('1', MASK), encodeMessage('2', MASK)]));
      await until(() => RecordingHandler.opened[0]?.calls.length === 2);
      RecordingHandler.only.close(4000);
      expect(await client.frame()).toBe('close 4000');
      client.send(encodeClose(4001, '', MASK));
      await client.untilEnd();
      await until(() => RecordingHandler.only.closes > 0);
      expect(RecordingHandler.only.calls).toEqual(['open', '1', 'close']);
      expect(RecordingHandler.only.closeCode).toBe(4001);
    });
  });

  it('answers a ping before onPing hears of it, and passes on pongs [WS-13]', async () => {
    class Pings extends RecordingHandler {
      override onPing(payload: Uint8Array): unknown {
        void this.writeMessage('pinged');
        return super.onPing(payload);
      }
    }
    await withApp([['/', Pings]], async ({ port }) => {
      const client = await RawClient.open(port);
      client.send(encodePong('unasked', MASK), encodePing('payload', MASK));
      expect([await client.frame(), await client.frame(2)]).toEqual(['pong payload', 'text pinged']);
      expect(RecordingHandler.only.calls).toEqual(['open', 'pong unasked', 'ping payload']);
      void RecordingHandler.only.ping('are you there');
      expect(await client.frame(3)).toBe('ping are you there');
      expect(() => RecordingHandler.only.ping('x'.repeat(126))).toThrow(
        expect.objectContaining({ code: 'ERR_WEBSOCKET_UNSENDABLE_CONTROL' }),
      );
      client.socket.destroy();
    });
  });

  it.each<[string, Partial<Record<'onOpen' | 'onMessage' | 'onPing' | 'onPong', () => unknown>>]>([
    ['onOpen throws', { onOpen: () => raise(broken) }],
    ['onOpen rejects', { onOpen: () => Promise.reject(broken) }],
    ['onMessage throws', { onMessage: () => raise(broken) }],
    ['onMessage rejects', { onMessage: () => Promise.reject(broken) }],
    ['onPing throws', { onPing: () => raise(broken) }],
    ['onPing rejects', { onPing: () => Promise.reject(broken) }],
    ['onPong throws', { onPong: () => raise(broken) }],
    ['onPong rejects', { onPong: () => Promise.reject(broken) }],
    ['onOpen returns a Future that fails', { onOpen: () => failedFuture(broken) }],
    ['onMessage returns a Future that fails', { onMessage: () => failedFuture(broken) }],
    ['onPing returns a thenable that fails', { onPing: () => brokenThenable() }],
    ['onMessage returns a thenable that fails', { onMessage: () => brokenThenable() }],
    ['onOpen returns what cannot be awaited', { onOpen: () => unreadableThenable() }],
    ['onPong returns what cannot be awaited', { onPong: () => unreadableThenable() }],
  ])('logs and closes with 1011 when %s [WS-06, ATT-76]', async (_what, methods) => {
    class Breaks extends RecordingHandler {}
    Object.assign(Breaks.prototype, methods);
    let closes = 0;
    Breaks.prototype.onClose = () => {
      closes += 1;
    };
    await withApp([['/', Breaks]], async ({ port, log }) => {
      const client = await RawClient.open(port);
      client.send(encodePing('', MASK), encodePong('', MASK), encodeMessage('x', MASK));
      const frames = await client.untilEnd();
      expect(frames.at(-1)).toBe('close 1011');
      await until(() => closes > 0);
      expect(closes).toBe(1);
      expect(log.problems.map(({ error }) => error)).toEqual([broken]);
    });
  });

  it.each([
    () => raise(broken),
    () => Promise.reject(broken),
    () => failedFuture(broken),
    () => brokenThenable(),
    () => unreadableThenable(),
  ])('logs an onClose that fails [WS-06, ATT-76]', async (onClose) => {
    class Breaks extends RecordingHandler {
      override onClose(): unknown {
        return onClose();
      }
    }
    await withApp([['/', Breaks]], async ({ port, log }) => {
      (await RawClient.open(port)).socket.resetAndDestroy();
      await until(() => log.problems.length > 0);
      expect(log.problems.map(({ error }) => error)).toEqual([broken]);
    });
  });

  it('logs a logException that fails [WS-06, ATT-76]', async () => {
    const inLog = new Error('a bug in the log');
    class Breaks extends RecordingHandler {
      override onMessage(): never {
        throw broken;
      }

      override logException(): never {
        return Promise.reject(inLog) as never;
      }
    }
    await withApp([['/', Breaks]], async ({ port, log }) => {
      const client = await RawClient.open(port);
      client.send(encodeMessage('x', MASK));
      expect((await client.untilEnd()).at(-1)).toBe('close 1011');
      await until(() => log.problems.length > 0);
      expect(log.problems.map(({ error }) => error)).toEqual([inLog]);
    });
  });

  it.each<[string, number, number, (later: Promise<never>) => object]>([
    ['checkOrigin', 403, 2, (later) => ({ checkOrigin: () => later })],
    ['selectSubprotocol', 500, 2, (later) => ({ selectSubprotocol: () => later })],
    ['connectionOptions', 500, 2, (later) => ({ connectionOptions: () => later })],
  ])('refuses a promise of %s, and logs what it rejects with', async (_what, status, problems, methodsOf) => {
    class Later extends RecordingHandler {}
    Object.assign(Later.prototype, {
      prepare() {
        Object.assign(this, methodsOf(Promise.reject(broken)));
      },
    });
    await withApp([['/', Later]], async ({ port, log }) => {
      const text = upgradeText('/', { Origin: 'http://example.com', 'Sec-WebSocket-Protocol': 'one' });
      const client = await RawClient.ask(port, text);
      expect(client.status).toBe(status);
      await until(() => log.problems.length === problems);
      expect(log.problems.map(({ error }) => error)).toContain(broken);
      client.socket.destroy();
    });
  });

  it('gives no message the context that another one has entered by enterWith', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    class Enters extends WebSocketHandler {
      override prepare(): void {
        storage.enterWith('the handshake');
      }

      override async onMessage(message: string): Promise<void> {
        seen.push(storage.getStore());
        storage.enterWith(message);
        if (message === 'later') await new Promise((resolve) => setImmediate(resolve));
        void this.writeMessage(message);
      }

      override onPing(): void {
        seen.push(storage.getStore());
        storage.enterWith('a ping');
      }
    }
    await withApp([['/', Enters]], async ({ port }) => {
      for (let connection = 0; connection < 2; connection += 1) {
        const some = ['now', 'later', 'now'].map((text) => encodeMessage(text, MASK));
        const all = Buffer.concat([encodePing('', MASK), ...some, encodePing('', MASK), ...some]);
        // The first ones arrive together with the handshake.
        const client = await RawClient.ask(port, `${upgradeText('/')}${all.toString('latin1')}`);
        await client.frame(8);
        client.send(all);
        await client.frame(16);
        client.socket.destroy();
      }
    });
    expect(seen).toEqual(Array(32).fill(undefined));
  });

  it('does not log that a write failed because the peer has left [WS-06]', async () => {
    class Ticks extends RecordingHandler {
      override async onMessage(): Promise<void> {
        for (;;) {
          await this.writeMessage('tick');
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
    }
    await withApp([['/', Ticks]], async ({ port, log }) => {
      const client = await RawClient.open(port);
      client.send(encodeMessage('go', MASK));
      await client.frame(3);
      client.socket.resetAndDestroy();
      await until(() => RecordingHandler.only.closes > 0);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(log.problems).toEqual([]);
    });
  });

  it('sends text, bytes and JSON, and refuses what is none of them [WS-04, ATT-77]', async () => {
    await withApp([['/', RecordingHandler]], async ({ port }) => {
      const client = await RawClient.open(port);
      await until(() => RecordingHandler.opened.length === 1);
      const handler = RecordingHandler.only;
      await Promise.all([
        handler.writeMessage('€'),
        handler.writeMessage(Buffer.from('bytes')),
        handler.writeMessage({ a: [1, '\u2028'] }),
        handler.writeMessage([1, 2]),
        handler.writeMessage('half a \ud800 pair'),
      ]);
      await client.frame(5);
      expect(client.frames).toEqual([
        'text €',
        'binary 5',
        'text {"a":[1,"\u2028"]}',
        'text [1,2]',
        'text half a \ufffd pair',
      ]);
      const refused = [undefined, null, 5, true, () => {}, new Map(), new ArrayBuffer(2), new Uint16Array(2)];
      // The compiler refuses them too.
      const compiled = [
        // @ts-expect-error: it was not awaited.
        () => handler.writeMessage(Promise.resolve('x')),
        // @ts-expect-error: a Map has no JSON.
        () => handler.writeMessage(new Map()),
        // @ts-expect-error: it was not called.
        () => handler.writeMessage(() => 'x'),
        // @ts-expect-error: a number is no text.
        () => handler.writeMessage(5),
      ];
      const shown = ['got a Promise (await it?)', 'got an object of Map', 'got a function', 'got 5'];
      for (const [at, write] of compiled.entries()) expect(write).toThrow(shown[at]);
      for (const data of [...refused, Promise.resolve('x'), { toJSON: () => undefined }]) {
        expect(() => handler.writeMessage(data as object)).toThrow(
          expect.objectContaining({ code: 'ERR_WEBSOCKET_UNSENDABLE_DATA' }),
        );
      }
      client.socket.destroy();
    });
  });
});

function failedFuture(error: Error): Future<void> {
  const future = new Future<void>();
  setImmediate(() => future.setException(error));
  return future;
}

/** A broken thenable of another library: it calls back twice. */
function brokenThenable(): object {
  const then = (_: unknown, fail: (error: unknown) => void): void => {
    fail(broken);
    fail(broken);
  };
  return { then };
}

function unreadableThenable(): object {
  return Object.defineProperty({}, 'then', { get: () => raise(broken) });
}

function raise(error: Error): never {
  throw error;
}
