import { setTimeout as delay } from 'node:timers/promises';
import { Future } from '@landspout/ioloop';
import { Application } from '@landspout/web';
import { describe, expect, it } from 'vitest';
import { WebSocketHandler, WebSocketMessageError } from '../../src/index.ts';
import { encodeClose, encodeMessage, encodePing } from '../../src/protocol/index.ts';
import { gate } from '../fixtures/gate.ts';
import { MASK, RawClient, upgradeText } from '../fixtures/raw-client.ts';
import { until, withApp } from '../fixtures/running-application.ts';

type Messages = AsyncIterable<string | Uint8Array>;

/** Records its calls; a test defines `onMessages`. */
abstract class LoopHandler extends WebSocketHandler {
  static handlers: LoopHandler[] = [];
  readonly calls: string[] = [];

  abstract override onMessages(messages: Messages): unknown;

  override onOpen(): unknown {
    this.calls.push('open');
    LoopHandler.handlers.push(this);
    return undefined;
  }

  override onPing(): void {
    this.calls.push('ping');
  }

  override onClose(): void {
    this.calls.push('close');
  }
}

/** A handler whose `onMessages` is this function, and the instances that were opened. */
function loops(onMessages: (this: LoopHandler, messages: Messages) => unknown) {
  class Loops extends LoopHandler {
    override onMessages(messages: Messages): unknown {
      this.calls.push('start');
      return onMessages.call(this, messages);
    }
  }
  LoopHandler.handlers = [];
  return { Loops, handlers: LoopHandler.handlers };
}

const text = (message: string) => encodeMessage(message, MASK);
const broken = new Error('a bug');

describe('WebSocketHandler.onMessages', () => {
  it('iterates over all messages in order, from the one that came with the request [WS-03]', async () => {
    const { Loops, handlers } = loops(async function (messages) {
      for await (const message of messages) {
        this.calls.push(typeof message === 'string' ? message : `<${message.length}>`);
        void this.writeMessage(message);
      }
      this.calls.push('end');
    });
    await withApp([['/', Loops]], async ({ port, log }) => {
      const early = Buffer.concat([text('first'), text('')]).toString('latin1');
      const client = await RawClient.ask(port, upgradeText('/') + early);
      client.send(encodeMessage(Buffer.from('bytes'), MASK), encodePing('', MASK), text('last'));
      expect(await client.frame(5)).toBe('text last');
      client.send(encodeClose(4001, '', MASK));
      expect(await client.untilEnd()).toEqual([
        'text first',
        'text ',
        'binary 5',
        'pong',
        'text last',
        'close 4001',
      ]);
      await until(() => handlers[0]?.calls.includes('close') === true);
      const calls = handlers[0]?.calls as string[];
      expect(calls.slice(0, 7)).toEqual(['open', 'start', 'first', '', '<5>', 'ping', 'last']);
      expect(calls.slice(7).sort()).toEqual(['close', 'end']);
      expect(log.problems).toEqual([]);
    });
  });

  it('is called once, after onOpen has settled, and then receives what was sent meanwhile [WS-03]', async () => {
    const { opened, open } = gate();
    const { Loops, handlers } = loops(async function (messages) {
      for await (const message of messages) void this.writeMessage(message);
    });
    class Opens extends Loops {
      override async onOpen(): Promise<void> {
        super.onOpen();
        void this.writeMessage('welcome');
        await opened;
        this.calls.push('opened');
      }
    }
    await withApp([['/', Opens]], async ({ port }) => {
      const client = await RawClient.open(port);
      client.send(text('1'), text('2'));
      expect(await client.frame()).toBe('text welcome');
      expect(handlers[0]?.calls).toEqual(['open']);
      open();
      expect([await client.frame(2), await client.frame(3)]).toEqual(['text 1', 'text 2']);
      expect(handlers[0]?.calls).toEqual(['open', 'opened', 'start']);
      client.socket.destroy();
    });
  });

  it('keeps the first message for a loop that begins late, even if the connection ends before it [WS-03]', async () => {
    const { opened, open } = gate();
    const received: unknown[] = [];
    const { Loops, handlers } = loops(async (messages) => {
      await opened;
      for await (const message of messages) received.push(message);
      received.push('end');
    });
    await withApp([['/', Loops]], async ({ port, log }) => {
      const client = await RawClient.ask(port, upgradeText('/') + text('first').toString('latin1'));
      client.socket.resetAndDestroy();
      await until(() => handlers[0]?.calls.includes('close') === true);
      open();
      await until(() => received.includes('end'));
      expect(received).toEqual(['first', 'end']);
      expect(log.problems).toEqual([]);
    });
  });

  it('reads a message when the loop asks for it: the sender is slowed down meanwhile [WS-03]', async () => {
    const { opened, open } = gate();
    let messages = 0;
    const { Loops } = loops(async (all) => {
      for await (const _ of all) {
        messages += 1;
        await opened;
      }
    });
    await withApp([['/', Loops]], async ({ port }) => {
      const client = await RawClient.open(port);
      const frame = encodeMessage(new Uint8Array(64 * 1024), MASK);
      for (let i = 0; i < 1000; i += 1) client.send(frame);
      let before = -1;
      // 64 MB do not fit into the socket buffers, so the queue of the sender stops shrinking.
      while (before !== client.socket.writableLength) {
        before = client.socket.writableLength;
        await delay(100);
      }
      expect(before).toBeGreaterThan(32 * 1024 * 1024);
      expect(messages).toBe(1);
      open();
      await until(() => messages === 1000);
      client.socket.destroy();
    });
  });

  it('can reply to a message although a bad frame follows in the same packet [WS-03] [WS-11]', async () => {
    const { Loops } = loops(async function (messages) {
      for await (const message of messages) await this.writeMessage(`re: ${message}`);
    });
    await withApp([['/', Loops]], async ({ port }) => {
      const client = await RawClient.open(port);
      const reserved = Buffer.from([0x83, 0x80, ...MASK]);
      client.send(Buffer.concat([text('one'), text('two'), reserved]));
      const [first, second, third] = await client.untilEnd();
      expect([first, second]).toEqual(['text re: one', 'text re: two']);
      expect(third).toMatch(/^close 1002 /);
    });
  });

  it('can reply to a message that a close frame follows in the same packet [WS-03] [WS-15]', async () => {
    const { Loops, handlers } = loops(async function (messages) {
      for await (const message of messages) {
        await new Promise((resolve) => setImmediate(resolve));
        await this.writeMessage(`re: ${message}`);
      }
      this.calls.push(`ended ${this.closeCode}`);
    });
    await withApp([['/', Loops]], async ({ port, log }) => {
      const client = await RawClient.open(port);
      client.send(Buffer.concat([text('one'), encodeClose(4000, '', MASK)]));
      expect(await client.untilEnd()).toEqual(['text re: one', 'close 4000']);
      await until(() => handlers[0]?.calls.includes('ended 4000') === true);
      expect(log.problems).toEqual([]);
    });
  });

  it.each<[string, (this: LoopHandler, messages: Messages) => unknown]>([
    [
      'leaves the loop',
      async (messages) => {
        for await (const _ of messages) break;
      },
    ],
    [
      'returns from the loop',
      async (messages) => {
        for await (const message of messages) return message;
        return undefined;
      },
    ],
    ['is not asynchronous and returns', () => 'done'],
    ['resolves without a loop', async () => {}],
    ['returns a Future that has a result', () => finishedFuture()],
  ])('closes with 1000 when it %s [WS-03]', async (_what, onMessages) => {
    const { Loops, handlers } = loops(onMessages);
    await withApp([['/', Loops]], async ({ port, log }) => {
      const client = await RawClient.open(port);
      client.send(text('1'), text('2'), text('3'));
      expect(await client.frame()).toBe('close 1000');
      client.send(text('4'), encodeClose(1000, '', MASK));
      await client.untilEnd();
      await until(() => handlers[0]?.calls.includes('close') === true);
      expect(handlers[0]?.calls).toEqual(['open', 'start', 'close']);
      expect(log.problems).toEqual([]);
    });
  });

  it('can still send after it has left the loop, and notices that the peer closes [WS-03]', async () => {
    const { opened, open } = gate();
    const { Loops, handlers } = loops(async function (messages) {
      for await (const _ of messages) break;
      await opened;
      await this.writeMessage('bye');
    });
    await withApp([['/', Loops]], async ({ port, log }) => {
      const client = await RawClient.open(port);
      client.send(text('1'), text('discarded'), encodePing('x', MASK));
      expect(await client.frame()).toBe('pong x');
      open();
      expect([await client.frame(2), await client.frame(3)]).toEqual(['text bye', 'close 1000']);
      client.socket.destroy();
      const other = await RawClient.open(port);
      other.send(text('1'), encodeClose(4002, '', MASK));
      expect((await other.untilEnd()).at(-1)).toMatch(/^close (4002|1000)$/);
      await until(() => handlers.every(({ calls }) => calls.includes('close')));
      expect(log.problems).toEqual([]);
    });
  });

  it.each<[string, (this: LoopHandler, messages: Messages) => unknown]>([
    [
      'throws in the loop',
      async (messages) => {
        for await (const _ of messages) throw broken;
      },
    ],
    [
      'throws after the loop asked for the next message',
      async (messages) => {
        const iterator = messages[Symbol.asyncIterator]();
        await iterator.next();
        void iterator.next();
        await new Promise((resolve) => setImmediate(resolve));
        throw broken;
      },
    ],
    ['throws at once', () => raise(broken)],
    ['rejects without a loop', () => Promise.reject(broken)],
    [
      'returns an object whose getter `then` throws',
      () => Object.defineProperty({}, 'then', { get: () => raise(broken) }),
    ],
  ])(
    'logs and closes with 1011 when it %s, whatever the peer has sent after it [WS-06, ATT-76]',
    async (_what, onMessages) => {
      const { Loops, handlers } = loops(onMessages);
      await withApp([['/', Loops]], async ({ port, log }) => {
        const client = await RawClient.ask(port, upgradeText('/') + text('1').toString('latin1'));
        client.send(text('2'));
        expect((await client.untilEnd()).at(-1)).toBe('close 1011');
        await until(() => handlers[0]?.calls.includes('close') === true);
        expect(handlers[0]?.calls).toEqual(['open', 'start', 'close']);
        expect(handlers[0]?.closeError).toBe(broken);
        expect(log.problems.map(({ error }) => error)).toEqual([broken]);
      });
    },
  );

  it('decides about the close code before a close frame that follows the message [WS-06]', async () => {
    const { Loops } = loops(async (messages) => {
      for await (const _ of messages) throw broken;
    });
    await withApp([['/', Loops]], async ({ port }) => {
      const client = await RawClient.open(port);
      client.send(Buffer.concat([text('1'), encodeClose(4000, '', MASK)]));
      expect(await client.untilEnd()).toEqual(['close 1011']);
    });
  });

  it('closes with the code of a WebSocketMessageError, and does not log it as an error [WS-06]', async () => {
    const { Loops, handlers } = loops(async (messages) => {
      for await (const _ of messages) throw new WebSocketMessageError('no', { closeReason: 'not so' });
    });
    await withApp([['/', Loops]], async ({ port, log }) => {
      const client = await RawClient.open(port);
      client.send(text('1'));
      expect(await client.untilEnd()).toEqual(['close 1007 not so']);
      await until(() => handlers[0]?.calls.includes('close') === true);
      expect(log.problems).toEqual([]);
    });
  });

  it('does not log a write or a wait that failed because the peer has left [WS-06]', async () => {
    let settled = 0;
    const { Loops, handlers } = loops(async function (messages) {
      try {
        for await (const message of messages) {
          if (message === 'wait') await delay(2 ** 30, undefined, { signal: this.signal });
          for (;;) {
            await this.writeMessage('tick');
            await new Promise((resolve) => setImmediate(resolve));
          }
        }
      } finally {
        settled += 1;
      }
    });
    await withApp([['/', Loops]], async ({ port, log }) => {
      for (const message of ['wait', 'write']) {
        const client = await RawClient.open(port);
        client.send(text(message));
        if (message === 'write') await client.frame(3);
        else await until(() => handlers.length === 1);
        client.socket.resetAndDestroy();
      }
      await until(() => settled === 2 && handlers.every(({ calls }) => calls.includes('close')));
      await new Promise((resolve) => setImmediate(resolve));
      expect(log.problems).toEqual([]);
    });
  });

  it('is not called if onOpen fails, closes or outlives the connection [WS-03]', async () => {
    const { opened, open } = gate();
    const { Loops, handlers } = loops(() => new Promise(() => {}));
    class Opens extends Loops {
      override async onOpen(): Promise<void> {
        super.onOpen();
        const { path } = this.request;
        if (path === '/fails') throw broken;
        if (path === '/closes') this.close(4000);
        if (path === '/waits') await opened;
      }
    }
    await withApp([['/*any', Opens]], async ({ port }) => {
      const fails = await RawClient.open(port, '/fails');
      expect(await fails.untilEnd()).toEqual(['close 1011']);
      const closes = await RawClient.open(port, '/closes');
      expect(await closes.frame()).toBe('close 4000');
      closes.send(encodeClose(4000, '', MASK));
      await closes.untilEnd();
      const waits = await RawClient.open(port, '/waits');
      await until(() => handlers.length === 3);
      waits.socket.resetAndDestroy();
      await until(() => handlers[2]?.signal.aborted === true);
      open();
      await until(() => handlers.every(({ calls }) => calls.includes('close')));
      expect(handlers.map(({ calls }) => calls)).toEqual(Array(3).fill(['open', 'close']));
    });
  });

  it('calls onClose although it never settles [WS-15]', async () => {
    const { Loops, handlers } = loops(() => new Promise(() => {}));
    await withApp([['/', Loops]], async ({ port }) => {
      const client = await RawClient.open(port);
      client.send(encodeClose(1000, '', MASK));
      expect(await client.untilEnd()).toEqual(['close 1000']);
      await until(() => handlers[0]?.calls.includes('close') === true);
      expect(handlers[0]?.calls).toEqual(['open', 'start', 'close']);
    });
  });

  it('serves calls of next that overlap in their order, and ends them all [WS-03]', async () => {
    const results: unknown[] = [];
    const { Loops } = loops(async (messages) => {
      const iterator = messages[Symbol.asyncIterator]();
      const all = Array.from({ length: 5 }, () => iterator.next());
      results.push(...(await Promise.all(all)), await iterator.next());
    });
    await withApp([['/', Loops]], async ({ port }) => {
      const client = await RawClient.open(port);
      client.send(text('1'), text('2'), text('3'), encodeClose(1000, '', MASK));
      await client.untilEnd();
      await until(() => results.length === 6);
      const done = { done: true, value: undefined };
      expect(results).toEqual([
        ...['1', '2', '3'].map((value) => ({ done: false, value })),
        ...Array(3).fill(done),
      ]);
    });
  });
});

describe('a class of WebSocketHandler', () => {
  const looped = { onMessages() {} };
  const called = { onMessage() {} };
  const make = (methods: object) => {
    class Made extends WebSocketHandler {}
    Object.assign(Made.prototype, methods);
    return Made;
  };

  it('is refused with neither onMessage nor onMessages, and with both [WS-03] [RT-01]', () => {
    const route = (methods: object) => () => new Application([['/', make(methods)]]);
    expect(route({})).toThrow('the class Made has no method onMessage; define it, or define onMessages');
    expect(route({ ...looped, ...called })).toThrow('the class Made has both onMessage and onMessages');
    expect(route(looped)).not.toThrow();
    expect(route(called)).not.toThrow();
    class Inherits extends make(called) {
      override onMessages(): void {}
    }
    expect(() => new Application([['/', Inherits]])).toThrow('the class Inherits has both');
  });

  it('may define them as fields, which are checked before the 101 [WS-03]', async () => {
    class Field extends WebSocketHandler {
      override onMessages = async (messages: Messages): Promise<void> => {
        for await (const message of messages) await this.writeMessage(message);
      };
    }
    class Both extends Field {
      override onMessage(): void {}
    }
    class Mentions extends WebSocketHandler {
      readonly mentions = 'onMessage';
    }
    await withApp(
      [
        ['/field', Field],
        ['/both', Both],
        ['/mentions', Mentions],
      ],
      async ({ port, log }) => {
        const client = await RawClient.open(port, '/field');
        client.send(text('hello'));
        expect(await client.frame()).toBe('text hello');
        client.socket.destroy();
        for (const path of ['/both', '/mentions']) {
          const refused = await RawClient.ask(port, upgradeText(path));
          expect(refused.status).toBe(500);
          refused.socket.destroy();
        }
        expect(log.problems.map(({ error }) => String(error))).toEqual([
          expect.stringContaining('the class Both has both onMessage and onMessages'),
          expect.stringContaining('the class Mentions has no method onMessage'),
        ]);
      },
    );
  });
});

function finishedFuture(): Future<void> {
  const future = new Future<void>();
  setImmediate(() => future.setResult(undefined));
  return future;
}

function raise(error: Error): never {
  throw error;
}
