import { beforeEach, describe, expect, it } from 'vitest';
import { encodeMessage, WebSocketLimitError } from '../../src/index.ts';
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
    return { maxQueuedBytes: MIB, whenQueueFull: 'refuse' } as const;
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
      const frame = encodeMessage(new Uint8Array(MIB));
      let most = 0;
      let sent = 0;
      while (handler.sendFrame(frame)) {
        sent += 1;
        most = Math.max(most, handler.queuedBytes);
        await turn();
      }
      expect(most).toBeLessThanOrEqual(16 * MIB);
      expect(most).toBeGreaterThan(14 * MIB);
      expect([handler.isOpen, handler.closeError]).toEqual([false, expect.any(WebSocketLimitError)]);
      client.socket.resume();
      const frames = await client.untilEnd();
      expect(frames).toHaveLength(sent + 1);
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
      const frame = encodeMessage(new Uint8Array(256 * 1024));
      let accepted = 0;
      while (handler.sendFrame(frame)) {
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
        handler.sendFrame(encodeMessage(new Uint8Array(MIB)));
        await turn();
      }
      const queued = handler.queuedBytes;
      expect(queued).toBeGreaterThan(64 * 1024);
      const flood = Array.from({ length: 20_000 }, (_, i) => encodePing(String(i).padStart(100, '0'), MASK));
      client.send(Buffer.concat(flood));
      await until(() => handler.calls.length === 20_001);
      expect(handler.queuedBytes).toBe(queued);
      client.socket.resume();
      expect(await client.frame(13)).toBe(`pong ${'19999'.padStart(100, '0')}`);
      client.socket.destroy();
    }));
});

describe('writeMessage', () => {
  it('settles at the pace of the reader, in one promise per turn [WS-04]', () =>
    withApp([['/', RecordingHandler]], async ({ port }) => {
      const { client, handler } = await openDeaf(port);
      const one = handler.writeMessage('a');
      expect(handler.writeMessage('b')).toBe(one);
      await one;
      let settled = false;
      const many = handler.writeMessage(new Uint8Array(15 * MIB)).then(() => {
        settled = true;
      });
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(settled).toBe(false);
      client.socket.resume();
      await many;
      client.socket.destroy();
    }));
});

describe('sendFrame', () => {
  it('sends one encoded frame to any number of peers [WS-04]', () =>
    withApp([['/', RecordingHandler]], async ({ port }) => {
      const clients = await Promise.all(Array.from({ length: 50 }, () => RawClient.open(port)));
      await until(() => RecordingHandler.opened.length === 50);
      for (const text of ['first', 'second']) {
        const frame = encodeMessage(text);
        const copy = Buffer.from(frame);
        for (const handler of RecordingHandler.opened) expect(handler.sendFrame(frame)).toBe(true);
        await Promise.all(
          clients.map((client) => client.until(() => client.frames.at(-1) === `text ${text}`)),
        );
        expect(frame).toEqual(copy);
      }
      for (const client of clients) client.socket.destroy();
    }));
});
