import { VirtualClock } from '@landspout/ioloop/testing';
import { IOStream } from '@landspout/iostream';
import { memoryPair } from '@landspout/iostream/transports';
import { describe, expect, it } from 'vitest';
import {
  resolveWebSocketOptions,
  WebSocketConnection,
  type WebSocketDelegate,
} from '../../src/connection/index.ts';
import type { WebSocketOptions } from '../../src/index.ts';
import { encodeMessage, encodePong } from '../../src/protocol/index.ts';
import { MASK } from '../fixtures/raw-client.ts';
import { until } from '../fixtures/running-application.ts';

/** Records the events of a connection; messages are held back while `held` is a promise. */
class Listener implements WebSocketDelegate {
  closes = 0;
  held: Promise<void> | undefined;

  messageReceived(): unknown {
    return this.held;
  }

  pingReceived(): void {}

  pongReceived(): void {}

  connectionClosed(): void {
    this.closes += 1;
  }

  callbackFailed(error: unknown): void {
    throw error;
  }
}

/** A server's connection in memory, and the bytes that its peer has received, in hex. */
function open(options: WebSocketOptions) {
  const clock = new VirtualClock();
  const [near, far] = memoryPair();
  const listener = new Listener();
  const settings = resolveWebSocketOptions({ clock, ...options });
  const connection = new WebSocketConnection(new IOStream(near, { clock }), 'server', listener, settings);
  const peer = new IOStream(far, { clock });
  const heard = { hex: '' };
  peer.setConsumer({
    received: (bytes, start, end) => {
      heard.hex += bytes.toString('hex', start, end);
    },
    ended: () => peer.close(),
    drained() {},
    closed() {},
  });
  peer.resume();
  connection.start();
  const settle = async () => {
    for (let i = 0; i < 10; i += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  const pass = async (ms: number) => {
    await clock.advance(ms);
    await settle();
  };
  return { clock, connection, listener, peer, heard, pass, settle };
}

const PING = '8900';
const PONG = encodePong('', MASK);

describe('WebSocketConnection, pinging', () => {
  it('does not ping by default [WS-16]', async () => {
    const { clock, connection, heard, pass } = open({});
    await pass(3_600_000);
    expect([heard.hex, clock.pending]).toEqual(['', 0]);
    connection.abort();
  });

  it('pings first after one interval, then from start to start [WS-16]', async () => {
    const { connection, heard, pass, peer } = open({ pingIntervalMs: 10_000 });
    await pass(9_900);
    expect(heard.hex).toBe('');
    for (let round = 1; round <= 5; round += 1) {
      await pass(round === 1 ? 400 : 10_000);
      expect(heard.hex).toBe(PING.repeat(round));
      void peer.write(PONG);
    }
    connection.abort();
  });

  it('gives up a peer that stays silent after a ping: 1011 goes out, 1006 is reported [WS-16]', async () => {
    const { connection, heard, listener, pass } = open({ pingIntervalMs: 10_000, pingTimeoutMs: 3_000 });
    await pass(12_900);
    expect([heard.hex, connection.isOpen]).toEqual([PING, true]);
    await pass(400);
    const reason = Buffer.from('ping timed out').toString('hex');
    expect(heard.hex).toBe(`${PING}881003f3${reason}`);
    await until(() => listener.closes > 0);
    expect([connection.closeCode, connection.closeReason, listener.closes]).toEqual([1006, '', 1]);
    expect(connection.closeError).toMatchObject({ code: 'ERR_WEBSOCKET_PING_TIMEOUT' });
  });

  it.each([
    ['a pong', PONG],
    ['a message', encodeMessage('x', MASK)],
    ['a part of a frame', Buffer.of(0x81)],
  ])('takes %s for a sign of life [WS-16]', async (_what, bytes) => {
    const { connection, pass, peer } = open({ pingIntervalMs: 10_000, pingTimeoutMs: 3_000 });
    await pass(11_000);
    void peer.write(bytes);
    await pass(8_000);
    expect(connection.isOpen).toBe(true);
    connection.abort();
  });

  it('waits for ever with a timeout of 0 [WS-16]', async () => {
    const { connection, heard, pass } = open({ pingIntervalMs: 10_000, pingTimeoutMs: 0 });
    await pass(100_500);
    expect([heard.hex, connection.isOpen]).toEqual([PING.repeat(10), true]);
    connection.abort();
  });

  it('does not blame the peer while we ourselves do not read [WS-16]', async () => {
    const { connection, listener, pass, peer, settle } = open({
      pingIntervalMs: 10_000,
      pingTimeoutMs: 3_000,
    });
    let goOn: () => void = () => {};
    listener.held = new Promise((resolve) => {
      goOn = resolve;
    });
    void peer.write(Buffer.concat([encodeMessage('1', MASK), encodeMessage('2', MASK)]));
    await pass(60_000);
    expect([connection.isOpen, connection.isPaused]).toEqual([true, true]);
    listener.held = undefined;
    goOn();
    await settle();
    expect(connection.isPaused).toBe(false);
    await pass(30_000);
    await until(() => listener.closes > 0);
    expect(connection.closeError).toMatchObject({ code: 'ERR_WEBSOCKET_PING_TIMEOUT' });
  });

  it('leaves no timer behind [WS-16]', async () => {
    const { clock, connection, listener } = open({ pingIntervalMs: 10_000 });
    expect(clock.pending).toBe(1);
    connection.abort();
    await until(() => listener.closes > 0);
    expect(clock.pending).toBe(0);
  });

  it.each([
    { pingIntervalMs: -1 },
    { pingTimeoutMs: Number.NaN },
    { closeTimeoutMs: 0 },
    { maxQueuedBytes: -1 },
  ])('refuses %j [WS-16]', (options) => {
    expect(() => resolveWebSocketOptions(options)).toThrow(
      expect.objectContaining({ code: 'ERR_WEBSOCKET_BAD_OPTION' }),
    );
  });
});
