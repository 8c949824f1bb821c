// Peers that send many small things. What must stay small is counted: allocations, queued bytes and calls, not time.

import { describe, expect, it, vi } from 'vitest';
import { WebSocketHandler, websocketConnect } from '../../src/index.ts';
import { checkEnd, closes, fails } from '../fixtures/conformance-case.ts';
import { SIDES, withEcho } from '../fixtures/echo-sides.ts';
import { RawPeer } from '../fixtures/raw-peer.ts';
import { until, withApp } from '../fixtures/running-application.ts';
import { close, fragments, frame, more, ping, pong, text, type WireFrame } from '../fixtures/wire-frames.ts';

const COUNT = 100_000;
const KIB = 1024;

/** The bytes of many equal frames, of which only the first and last differ. */
function flood(peer: RawPeer, frames: readonly WireFrame[]): Buffer {
  return Buffer.concat(frames.map((one) => peer.wire(one)));
}

/** The sizes that are allocated while `run` runs. */
async function allocations(run: () => Promise<void>): Promise<readonly number[]> {
  const allocate = vi.spyOn(Buffer, 'allocUnsafeSlow');
  try {
    await run();
    return allocate.mock.calls.map(([size]) => size);
  } finally {
    allocate.mockRestore();
  }
}

const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0);

describe.each(SIDES)('the %s, flooded', (side) => {
  it('assembles 100,000 one-byte fragments with few allocations [WS-14] [ATT-29]', () =>
    withEcho(side, { maxFragments: COUNT }, async (peer, echo) => {
      const message = Buffer.alloc(COUNT, 'abcdefghij');
      const wire = flood(peer, fragments(1, message, 1));
      const sizes = await allocations(async () => {
        await peer.sendBytes([wire]);
        await peer.untilFrames(1);
      });
      // Doubling makes about 10 rooms, of twice the message together. A head that is split between two reads takes 14 bytes.
      const rooms = sizes.filter((size) => size > 14);
      expect(rooms.length).toBeLessThan(30);
      expect(sum(rooms)).toBeLessThan(8 * message.length);
      await peer.send([close(1000)]);
      await checkEnd(side, peer, echo, { replies: [text(message)], ends: closes(1000), how: 'fragments' });
    }));

  it('allocates nothing for 100,000 empty fragments [WS-14] [ATT-29]', () =>
    withEcho(side, { maxFragments: COUNT + 2 }, async (peer, echo) => {
      const empty = Array.from({ length: COUNT }, () => more('', { fin: false }));
      const wire = flood(peer, [text('a', { fin: false }), ...empty, more('b')]);
      const sizes = await allocations(async () => {
        await peer.sendBytes([wire]);
        await peer.untilFrames(1);
      });
      expect(sum(sizes.filter((size) => size > 14))).toBeLessThan(4 * KIB);
      await peer.send([close(1000)]);
      await checkEnd(side, peer, echo, { replies: [text('ab')], ends: closes(1000), how: 'empty fragments' });
    }));

  it('fails after 10,000 empty fragments by default, and ignores the other 90,000 [WS-14] [ATT-29]', () =>
    withEcho(side, {}, async (peer, echo) => {
      const empty = Array.from({ length: COUNT }, () => more('', { fin: false }));
      await peer.sendBytes([flood(peer, [text('', { fin: false }), ...empty])]);
      const ends = fails(1008, 'ERR_WEBSOCKET_TOO_MANY_FRAGMENTS');
      await checkEnd(side, peer, echo, { replies: [], ends, how: 'empty fragments' });
    }));

  it('responds to 100,000 pings in order, between two fragments too [WS-13]', () =>
    withEcho(side, {}, async (peer, echo) => {
      const pings = Array.from({ length: COUNT }, (_, i) => ping(String(i)));
      await peer.sendBytes([flood(peer, [text('a', { fin: false }), ...pings, more('b')])]);
      const isPong = ({ opcode }: WireFrame) => opcode === 10;
      const last = String(COUNT - 1);
      await peer.until(() => {
        const lastPong = peer.frames.findLast(isPong);
        return peer.ended || (lastPong?.payload.toString() === last && !peer.frames.every(isPong));
      });
      // While much is unsent, only the latest ping gets a pong (RFC 6455 §5.5.3): some may be missing, but not the last.
      const frames = peer.frames.splice(0);
      const numbers = frames.filter(isPong).map((reply) => Number(reply.payload));
      expect(numbers.every((number, i) => i === 0 || number > (numbers[i - 1] as number))).toBe(true);
      peer.frames.push(...frames.filter((one) => !isPong(one)));
      await peer.send([close(1000)]);
      await checkEnd(side, peer, echo, { replies: [text('ab')], ends: closes(1000), how: 'pings' });
    }));

  it('sends nothing for 100,000 pongs [WS-13]', () =>
    withEcho(side, {}, async (peer, echo) => {
      const pongs = Array.from({ length: COUNT }, () => pong('unasked'));
      await peer.sendBytes([flood(peer, pongs)]);
      await peer.send([close(1000)]);
      await checkEnd(side, peer, echo, { replies: [], ends: closes(1000), how: 'pongs' });
    }));

  it('keeps none of 16 MiB that follow a close frame [WS-15]', () =>
    withEcho(side, {}, async (peer, echo) => {
      const rest = Buffer.alloc(16 * 1024 * KIB, peer.wire(frame(2, Buffer.alloc(1_000))));
      const sizes = await allocations(async () => {
        await peer.sendBytes([peer.wire(close(1000)), rest]);
      });
      expect(sum(sizes)).toBeLessThan(64 * KIB);
      await checkEnd(side, peer, echo, { replies: [], ends: closes(1000), how: 'after the close frame' });
    }));
});

describe('a program that does not keep up', () => {
  it('makes the client stop reading after 64 messages, however small [WS-21]', async () => {
    const { peer, client } = await RawPeer.accept((port) => websocketConnect(`ws://127.0.0.1:${port}/`));
    // More than the kernel keeps for the client.
    const empty = flood(
      peer,
      Array.from({ length: COUNT }, () => text()),
    );
    const wire = Buffer.concat(Array.from({ length: 160 }, () => empty));
    peer.socket.write(wire);
    const sizes = await allocations(async () => {
      for (let turns = 0; turns < 1_000; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    });
    expect(peer.socket.writableNeedDrain).toBe(true);
    // What was read before the stream was paused is copied once.
    expect(sum(sizes)).toBeLessThan(256 * KIB);
    for (let i = 0; i < 1_000; i += 1) expect(await client.readMessage()).toBe('');
    client.abort();
    await client.waitClosed();
    peer.socket.destroy();
  });

  it('makes the server stop reading after the first message, and calls back once for each [WS-03]', async () => {
    let release = (): void => {};
    const calls: string[] = [];
    class Slow extends WebSocketHandler {
      override onMessage(message: string | Uint8Array): unknown {
        calls.push(String(message));
        if (message !== '0') return undefined;
        return new Promise<void>((resolve) => {
          release = resolve;
        });
      }
    }
    await withApp([['/', Slow]], async ({ port }) => {
      const peer = await RawPeer.connect(port);
      const messages = Array.from({ length: COUNT }, (_, i) => text(String(i)));
      const wire = flood(peer, messages);
      const padding = peer.wire(pong(Buffer.alloc(125)));
      peer.socket.write(Buffer.concat([wire, Buffer.alloc(200_000 * padding.length, padding)]));
      await until(() => calls.length > 0);
      const sizes = await allocations(async () => {
        for (let turns = 0; turns < 1_000; turns += 1) await new Promise((resolve) => setImmediate(resolve));
      });
      expect(calls).toEqual(['0']);
      expect(peer.socket.writableNeedDrain).toBe(true);
      expect(sum(sizes)).toBeLessThan(256 * KIB);
      const copies = await allocations(async () => {
        release();
        await until(() => calls.length === COUNT);
      });
      // A message that is split between two reads takes 256 bytes; nothing is copied again.
      expect(copies.filter((size) => size > 256)).toEqual([]);
      expect(sum(copies)).toBeLessThan(64 * KIB);
      expect(calls).toEqual(messages.map((message) => message.payload.toString()));
      peer.socket.destroy();
    });
  });
});
