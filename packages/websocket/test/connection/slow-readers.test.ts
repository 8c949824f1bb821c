import { beforeEach, describe, expect, it } from 'vitest';
import { broadcast, PreparedMessage, type SendPolicy, WebSocketLimitError } from '../../src/index.ts';
import { encodePing } from '../../src/protocol/index.ts';
import { MASK, RawClient } from '../fixtures/raw-client.ts';
import { RecordingHandler } from '../fixtures/recording-handler.ts';
import { until, withApp } from '../fixtures/running-application.ts';

beforeEach(() => RecordingHandler.reset());

const MIB = 1024 * 1024;

class Impatient extends RecordingHandler {
  override connectionOptions() {
    return { closeTimeoutMs: 50, maxQueuedBytes: 2 * MIB };
  }
}

class Lenient extends RecordingHandler {
  override connectionOptions() {
    return { maxQueuedBytes: MIB, sendPolicy: 'wait' } as const;
  }
}

/** A client that reads nothing after the handshake, and the handler of its connection. */
async function openDeaf(port: number): Promise<{ client: RawClient; handler: RecordingHandler }> {
  const client = await RawClient.open(port);
  client.socket.pause();
  await until(() => RecordingHandler.opened.length === 1);
  return { client, handler: RecordingHandler.only };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('a peer that does not read', () => {
  it('costs 16 MiB at most, and is closed with 1008 by default [ATT-32]', () =>
    withApp([['/', RecordingHandler]], async ({ port }) => {
      const { client, handler } = await openDeaf(port);
      const message = new PreparedMessage(new Uint8Array(MIB));
      let most = 0;
      let sent = 0;
      while (handler.sendMessage(message)) {
        sent += 1;
        most = Math.max(most, handler.queuedBytes);
        await turn();
      }
      expect(most).toBeLessThanOrEqual(16 * MIB);
      expect(most).toBeGreaterThan(14 * MIB);
      expect([handler.isOpen, handler.closeError]).toEqual([false, expect.any(WebSocketLimitError)]);
      client.socket.resume();
      const frames = await client.untilEnd();
      // What the stream did not hold yet is not sent: its memory is free at once.
      expect(frames.length).toBeLessThan(sent);
      expect(frames.at(-1)).toMatch(/^close 1008/);
      await until(() => handler.closes > 0);
    }));

  it('is cut when it does not read its close frame either [ATT-32]', () =>
    withApp([['/', Impatient]], async ({ port }) => {
      const { client, handler } = await openDeaf(port);
      const writes: Promise<void>[] = [];
      while (handler.isOpen) {
        writes.push(handler.writeMessage(new Uint8Array(MIB)));
        // Enough time for what the kernel still accepts; one loop iteration sends only up to its budget.
        for (let turns = 0; turns < 8; turns += 1) await turn();
      }
      const outcomes = await Promise.allSettled(writes);
      const codes = outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'sent'));
      expect(codes.at(-1)).toBe('ERR_WEBSOCKET_QUEUE_FULL');
      // The bytes that were queued and could not be sent any more.
      expect(codes.at(-2)).toBe('ERR_WEBSOCKET_CLOSED');
      await until(() => handler.closes > 0);
      expect([handler.closes, handler.closeCode, handler.queuedBytes]).toEqual([1, 1006, 0]);
      client.socket.destroy();
    }));

  it('is left to the caller where the options say so [ATT-32]', () =>
    withApp([['/', Lenient]], async ({ port }) => {
      const { client, handler } = await openDeaf(port);
      const message = new PreparedMessage(new Uint8Array(256 * 1024));
      let accepted = 0;
      while (handler.sendMessage(message)) {
        accepted += 1;
        await turn();
      }
      expect(handler.queuedBytes).toBeLessThanOrEqual(MIB);
      await expect(handler.writeMessage(new Uint8Array(MIB))).rejects.toBeInstanceOf(WebSocketLimitError);
      expect(handler.isOpen).toBe(true);
      client.socket.resume();
      await client.frame(accepted);
      await handler.writeMessage('again');
      expect(await client.frame(accepted + 1)).toBe('text again');
      client.socket.destroy();
    }));

  it('gets one message of any size, however small the queue may be [ATT-32]', () =>
    withApp([['/', Lenient]], async ({ port }) => {
      const { client, handler } = await openDeaf(port);
      const written = handler.writeMessage(new Uint8Array(8 * MIB));
      client.socket.resume();
      await written;
      expect(await client.frame()).toBe(`binary ${8 * MIB}`);
      client.socket.destroy();
    }));

  it('gets the last pong only, once it reads again: a flood of pings costs no memory [WS-13, ATT-32]', () =>
    withApp([['/', RecordingHandler]], async ({ port }) => {
      const { client, handler } = await openDeaf(port);
      // Enough to fill the buffers of the kernel.
      for (let i = 0; i < 12; i += 1) {
        void handler.writeMessage(new Uint8Array(MIB));
        await turn();
      }
      const queued = handler.queuedBytes;
      expect(queued).toBeGreaterThan(64 * 1024);
      const flood = Array.from({ length: 20_000 }, (_, i) => encodePing(String(i).padStart(100, '0'), MASK));
      client.send(Buffer.concat(flood));
      await until(() => handler.calls.length === 20_001);
      expect(handler.queuedBytes).toBe(queued);
      client.socket.resume();
      await client.frame(13);
      expect(client.frames.filter((frame) => frame.startsWith('pong'))).toEqual([
        `pong ${'19999'.padStart(100, '0')}`,
      ]);
      client.socket.destroy();
    }));
});

describe('writeMessage', () => {
  it('is resolved while little is unsent, and then settles at the pace of the reader [WS-04]', () =>
    withApp([['/', RecordingHandler]], async ({ port }) => {
      const { client, handler } = await openDeaf(port);
      await handler.writeMessage('a');
      let settled = false;
      const many = handler.writeMessage(new Uint8Array(15 * MIB));
      void many.then(() => {
        settled = true;
      });
      expect(handler.writeMessage('b')).toBe(many);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect([settled, handler.queuedBytes > 64 * 1024]).toEqual([false, true]);
      client.socket.resume();
      await many;
      expect(handler.queuedBytes).toBeLessThanOrEqual(32 * 1024);
      client.socket.destroy();
    }));

  it('lets the event loop run, even if a program awaits nothing else [WS-04]', () =>
    withApp([['/', RecordingHandler]], async ({ port }) => {
      const client = await RawClient.open(port);
      await until(() => RecordingHandler.opened.length === 1);
      let hasRun = false;
      setImmediate(() => {
        hasRun = true;
      });
      for (let written = 0; !hasRun; written += 1) {
        expect(written).toBeLessThan(3000);
        await RecordingHandler.only.writeMessage('x');
      }
      client.socket.destroy();
    }));

  it('may be followed by a change of the bytes, whether or not they wait [WS-04]', () =>
    withApp([['/', RecordingHandler]], async ({ port }) => {
      const { client, handler } = await openDeaf(port);
      const bytes = new Uint8Array(4 * MIB);
      const text = Uint8Array.from(Buffer.from('kept'));
      void handler.writeMessage(bytes);
      await turn();
      for (const message of [bytes, text]) {
        void handler.writeMessage(message);
        message.fill(1);
      }
      client.socket.resume();
      await client.frame(3);
      expect(client.payloads[1]?.every((byte) => byte === 0)).toBe(true);
      expect(client.payloads[2]?.toString()).toBe('kept');
      client.socket.destroy();
    }));

  it('refuses options that it does not know, and a policy that does not exist', () =>
    withApp([['/', RecordingHandler]], async ({ port }) => {
      const { client, handler } = await openDeaf(port);
      for (const options of [{ polcy: 'wait' }, { policy: 'drop' }, { key: 1 }]) {
        const write = () => handler.writeMessage('x', options as object);
        expect(write).toThrow(expect.objectContaining({ code: 'ERR_WEBSOCKET_BAD_OPTION' }));
      }
      client.socket.destroy();
    }));
});

/** Opens a deaf connection whose kernel buffers are full, so that all further messages wait. */
async function openFull(port: number) {
  const deaf = await openDeaf(port);
  void deaf.handler.writeMessage(new Uint8Array(12 * MIB));
  await turn();
  return deaf;
}

/** The texts that the client receives once it reads. */
async function texts(client: RawClient, last: string): Promise<string[]> {
  client.socket.resume();
  await client.until(() => client.frames.at(-1) === `text ${last}`);
  return client.frames.filter((frame) => frame.startsWith('text ')).map((frame) => frame.slice(5));
}

function withPolicy(sendPolicy: SendPolicy, maxQueuedBytes: number) {
  return class extends RecordingHandler {
    override connectionOptions() {
      return { sendPolicy, maxQueuedBytes };
    }
  };
}

describe('the policy drop-oldest', () => {
  it('keeps the newest messages within the limit, and counts the others [ATT-32]', () =>
    withApp([['/', withPolicy('drop-oldest', 10_000)]], async ({ port }) => {
      const { client, handler } = await openFull(port);
      for (let i = 0; i < 1000; i += 1) await handler.writeMessage(String(i).padStart(1000, '0'));
      await handler.writeMessage('last');
      expect(handler.droppedMessages).toBeGreaterThan(980);
      expect(handler.droppedBytes).toBe(handler.droppedMessages * 1000);
      const received = (await texts(client, 'last')).map((text) => text.replace(/^0+(?=.)/, ''));
      const kept = received.length - 1;
      expect(kept + handler.droppedMessages).toBe(1000);
      expect(received).toEqual([...Array.from({ length: kept }, (_, i) => String(1000 - kept + i)), 'last']);
      client.socket.destroy();
    }));

  it('keeps empty messages within a limit too, and a single one of any size [ATT-32]', () =>
    withApp([['/', withPolicy('drop-oldest', 10_000)]], async ({ port }) => {
      const { client, handler } = await openFull(port);
      for (let i = 0; i < 1000; i += 1) await handler.writeMessage('');
      expect(handler.droppedMessages).toBeGreaterThan(800);
      await handler.writeMessage('x'.repeat(50_000));
      expect(handler.droppedMessages).toBe(1000);
      expect(await texts(client, 'x'.repeat(50_000))).toHaveLength(1);
      client.socket.destroy();
    }));

  it('can be that of single messages, which are then the only ones that are dropped [ATT-32]', () =>
    withApp([['/', withPolicy('close', 10_000)]], async ({ port }) => {
      const { client, handler } = await openDeaf(port);
      await handler.writeMessage('0');
      void handler.writeMessage(new Uint8Array(12 * MIB), { policy: 'drop-oldest' });
      await turn();
      for (let i = 1; i <= 20; i += 1)
        void handler.writeMessage(`tick ${i}`.padEnd(1000), { policy: 'drop-oldest' });
      expect(handler.isOpen).toBe(true);
      void handler.writeMessage('note', { policy: 'drop-oldest' });
      expect((await texts(client, 'note')).map((text) => text.trim())).toContain('tick 20');
      expect(handler.droppedMessages).toBeGreaterThan(8);
      client.socket.destroy();
    }));
});

describe('the policy keep-latest', () => {
  it('sends the latest value of each key, in the place of the first that waited [ATT-32]', () =>
    withApp([['/', withPolicy('keep-latest', 100_000)]], async ({ port }) => {
      const { client, handler } = await openFull(port);
      for (let i = 0; i < 100; i += 1) {
        for (const key of ['a', 'b']) await handler.writeMessage(`${key}${i}`, { key });
        if (i === 50) await handler.writeMessage('note');
      }
      await handler.writeMessage('last');
      expect(await texts(client, 'last')).toEqual(['a99', 'b99', 'note', 'last']);
      expect(handler.droppedMessages).toBe(198);
      client.socket.destroy();
    }));

  it('delivers every value to a peer that reads [ATT-32]', () =>
    withApp([['/', withPolicy('keep-latest', 100_000)]], async ({ port }) => {
      const client = await RawClient.open(port);
      await until(() => RecordingHandler.opened.length === 1);
      for (let i = 0; i < 50; i += 1) await RecordingHandler.only.writeMessage(String(i), { key: 'same' });
      expect(await texts(client, '49')).toHaveLength(50);
      expect(RecordingHandler.only.droppedMessages).toBe(0);
      client.socket.destroy();
    }));
});

describe('messages that may be dropped', () => {
  it('make way for those that may not [ATT-32]', () =>
    withApp([['/', withPolicy('drop-oldest', 16 * MIB)]], async ({ port }) => {
      const { client, handler } = await openFull(port);
      for (let i = 0; i < 30; i += 1) void handler.writeMessage(`tick ${i}`.padEnd(MIB));
      const dropped = handler.droppedMessages;
      expect(dropped).toBeGreaterThan(10);
      void handler.writeMessage('important', { policy: 'close' });
      expect(handler.isOpen).toBe(true);
      expect(handler.droppedMessages).toBeGreaterThan(dropped);
      const received = await texts(client, 'important');
      expect(received.at(-2)?.trim()).toBe('tick 29');
      client.socket.destroy();
    }));

  it('keep no other writer waiting [ATT-32]', () =>
    withApp([['/', withPolicy('wait', 16 * MIB)]], async ({ port }) => {
      const { client, handler } = await openFull(port);
      const written = handler.writeMessage('note');
      let ticks = 0;
      const ticker = setInterval(() => {
        ticks += 1;
        void handler.writeMessage('tick'.padEnd(MIB), { policy: 'drop-oldest' });
      }, 1);
      client.socket.resume();
      await written;
      clearInterval(ticker);
      expect(ticks).toBeGreaterThan(0);
      client.socket.destroy();
    }));

  it('drop the oldest value, not one that has replaced another [ATT-32]', () =>
    withApp([['/', withPolicy('keep-latest', 1000)]], async ({ port }) => {
      const { client, handler } = await openFull(port);
      void handler.writeMessage('a1'.padEnd(400), { key: 'a' });
      void handler.writeMessage('b1'.padEnd(400), { key: 'b' });
      void handler.writeMessage('a2'.padEnd(800), { key: 'a' });
      expect((await texts(client, 'a2'.padEnd(800))).map((text) => text.trim())).toEqual(['a2']);
      client.socket.destroy();
    }));

  it('are sent even if nothing may wait [ATT-32]', () =>
    withApp([['/', withPolicy('drop-oldest', 0)]], async ({ port }) => {
      const client = await RawClient.open(port);
      await until(() => RecordingHandler.opened.length === 1);
      for (const text of ['one', 'two']) {
        void RecordingHandler.only.writeMessage(text);
        await client.until(() => client.frames.at(-1) === `text ${text}`);
      }
      client.socket.destroy();
    }));
});

describe('close', () => {
  it('follows the messages that wait; the peer may be slow, but not forever [WS-15, ATT-32]', () =>
    withApp([['/', RecordingHandler]], async ({ port }) => {
      const { client, handler } = await openFull(port);
      for (const text of ['one', 'two']) void handler.writeMessage(text);
      handler.close(1000, 'done');
      client.socket.resume();
      await client.until(() => client.frames.at(-1)?.startsWith('close') === true);
      expect(client.frames.slice(-3)).toEqual(['text one', 'text two', 'close 1000 done']);
      client.socket.destroy();
    }));
});

describe('broadcast', () => {
  it('sends one message to any number of connections, encoded once [WS-04]', () =>
    withApp([['/', RecordingHandler]], async ({ port }) => {
      const clients = await Promise.all(Array.from({ length: 50 }, () => RawClient.open(port)));
      await until(() => RecordingHandler.opened.length === 50);
      const bytes = Uint8Array.of(1, 2, 3);
      const messages = ['first', 'zwölf', { third: 3 }, bytes, new PreparedMessage('y'.repeat(5000))];
      for (const message of messages) expect(broadcast(RecordingHandler.opened, message)).toBe(50);
      bytes.fill(9);
      for (const client of clients) {
        await client.frame(4);
        expect(client.frames.slice(0, 3)).toEqual(['text first', 'text zwölf', 'text {"third":3}']);
        expect(client.payloads[3]).toEqual(Buffer.of(1, 2, 3));
        expect(client.payloads[4]?.length).toBe(5000);
        client.socket.destroy();
      }
    }));

  it('is not delayed by a peer that does not read, which loses only what its policy says [ATT-32]', () =>
    withApp([['/', withPolicy('keep-latest', 50_000)]], async ({ port }) => {
      const { client: deafClient, handler: deaf } = await openFull(port);
      const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.open(port)));
      await until(() => RecordingHandler.opened.length === 21);
      for (let i = 0; i < 200; i += 1) {
        expect(broadcast(RecordingHandler.opened, String(i).padEnd(1000), { key: 'tick' })).toBe(21);
        await turn();
      }
      for (const client of clients) {
        await client.frame(199);
        client.socket.destroy();
      }
      expect([deaf.droppedMessages, deaf.isOpen]).toEqual([199, true]);
      deafClient.socket.destroy();
    }));

  it('counts the connections that are not open any more as not reached [WS-04]', () =>
    withApp([['/', RecordingHandler]], async ({ port }) => {
      const clients = await Promise.all([RawClient.open(port), RawClient.open(port)]);
      await until(() => RecordingHandler.opened.length === 2);
      RecordingHandler.opened[0]?.close();
      expect(broadcast(RecordingHandler.opened, 'x')).toBe(1);
      for (const client of clients) client.socket.destroy();
    }));
});
