import { describe, expect, it } from 'vitest';
import { type IOStream, join, TCPClient, TCPServer } from '../../src/index.ts';
import {
  afterReset,
  CHANNEL_NAMES,
  leaveUnread,
  openPair,
  type StreamPair,
  text,
} from '../support/stream-pair.ts';
import { until } from '../support/until.ts';

const MIB = 1024 * 1024;
const KIB = 1024;
const host = '127.0.0.1';

/** A chain: what `left.a` writes comes on `left.b`, goes on `right.a`, and comes on `right.b`. */
async function withChain(
  channel: string,
  test: (chain: { left: StreamPair; right: StreamPair }) => Promise<void>,
): Promise<void> {
  const [left, right] = [await openPair(channel), await openPair(channel)];
  try {
    await test({ left, right });
  } finally {
    await Promise.all([left.close(), right.close()]);
  }
}

/** Waits until a number has stopped growing. */
async function untilStill(value: () => number): Promise<void> {
  for (let same = 0, before = value(); same < 20; before = value()) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    same = value() === before ? same + 1 : 0;
  }
}

const pattern = (length: number) =>
  Buffer.alloc(
    length,
    Uint8Array.from({ length: 251 }, (_, i) => i),
  );

describe.each(CHANNEL_NAMES)('IOStream.pipeTo over %s', (channel) => {
  it('moves everything, buffered bytes first, and hands on the end', () =>
    withChain(channel, async ({ left, right }) => {
      const sent = pattern(5 * MIB);
      void left.a.write(sent);
      const first = await left.b.readBytes(3);
      left.b.unread(first);
      left.a.endWrite();
      const moved = left.b.pipeTo(right.a);
      const received = await right.b.readUntilClose();
      expect(received.equals(sent)).toBe(true);
      expect(await moved).toBe(sent.length);
      expect(right.a.isWriteEnded).toBe(true);
      // Only one direction was used up.
      void right.b.write('back');
      expect(text(await right.a.readBytes(4))).toBe('back');
    }));

  it('answers when everything has reached the kernel, not before', () =>
    withChain(channel, async ({ left, right }) => {
      void left.a.write(pattern(120 * KIB));
      left.a.endWrite();
      const queued = left.b.pipeTo(right.a).then(() => right.a.queuedBytes);
      await right.b.readUntilClose();
      expect(await queued).toBe(0);
    }));

  it('leaves the target open with end: false, for the next source', () =>
    withChain(channel, async ({ left, right }) => {
      await left.a.write('one');
      left.a.endWrite();
      expect(await left.b.pipeTo(right.a, { end: false })).toBe(3);
      await right.a.write(' two');
      expect(text(await right.b.readBytes(7))).toBe('one two');
    }));

  it('stops reading while the target does not take more, and goes on when it does [STR-09]', () =>
    withChain(channel, async ({ left, right }) => {
      const total = 40 * MIB;
      let written = 0;
      const writing = (async () => {
        for (; written < total; written += 256 * KIB) {
          void left.a.write(Buffer.alloc(256 * KIB));
          await left.a.waitDrained();
        }
        left.a.endWrite();
      })();
      let most = 0;
      const moved = left.b.pipeTo(right.a);
      await untilStill(() => {
        most = Math.max(most, right.a.queuedBytes);
        return written + left.b.bytesReceived;
      });
      expect(written).toBeLessThan(total);
      expect(most).toBeGreaterThan(0);
      expect(most).toBeLessThanOrEqual(128 * KIB);
      expect(left.b.bufferedBytes).toBeLessThanOrEqual(128 * KIB);
      let received = 0;
      for await (const chunk of right.b) received += chunk.length;
      await writing;
      expect(await moved).toBe(total);
      expect(received).toBe(total);
    }));

  it('stops by its signal: both stay open, and what was read arrives', () =>
    withChain(channel, async ({ left, right }) => {
      const controller = new AbortController();
      const piping = left.b.pipeTo(right.a, { signal: controller.signal });
      await left.a.write('moved ');
      expect(text(await right.b.readBytes(6))).toBe('moved ');
      controller.abort('enough');
      await expect(piping).rejects.toBe('enough');
      await left.a.write('unread');
      expect(text(await left.b.readBytes(6))).toBe('unread');
      await right.a.write('open');
      expect(text(await right.b.readBytes(4))).toBe('open');
      await expect(left.b.pipeTo(right.a, { signal: AbortSignal.abort('before') })).rejects.toBe('before');
    }));

  it('stops by its signal while the target takes nothing', () =>
    withChain(channel, async ({ left, right }) => {
      const controller = new AbortController();
      void left.a.write(Buffer.alloc(20 * MIB));
      const piping = left.b.pipeTo(right.a, { signal: controller.signal });
      await untilStill(() => left.b.bytesReceived);
      controller.abort('enough');
      await expect(piping).rejects.toBe('enough');
      expect(right.a.isClosed).toBe(false);
      expect(right.a.queuedBytes).toBeGreaterThan(0);
    }));

  it('resets the target when the source breaks: half must not look like the whole', () =>
    withChain(channel, async ({ left, right }) => {
      const piping = left.b.pipeTo(right.a);
      await left.a.write('half');
      expect(text(await right.b.readBytes(4))).toBe('half');
      const failure = expect(piping).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
      const seen = right.b.readBytes(1).catch((error: unknown) => error);
      await leaveUnread(left.b);
      left.a.reset();
      await failure;
      expect(right.a.closeReason).toBe('peer-reset');
      expect(await seen).toMatchObject(afterReset(channel));
    }));

  it('leaves the target alone with end: false when the source breaks', () =>
    withChain(channel, async ({ left, right }) => {
      const piping = left.b.pipeTo(right.a, { end: false });
      const failure = expect(piping).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' });
      await leaveUnread(left.b);
      left.a.reset();
      await failure;
      expect(right.a.isClosed).toBe(false);
    }));

  it('fails when the target closes while the source is silent, and leaves the source open', () =>
    withChain(channel, async ({ left, right }) => {
      const piping = left.b.pipeTo(right.a);
      const failure = expect(piping).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' });
      right.a.close();
      await failure;
      await left.a.write('unread');
      expect(text(await left.b.readBytes(6))).toBe('unread');
    }));

  it('loses nothing to a target whose writing side is shut down already', () =>
    withChain(channel, async ({ left, right }) => {
      right.a.endWrite();
      await left.a.write('unread');
      await expect(left.b.pipeTo(right.a)).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' });
      expect(text(await left.b.readBytes(6))).toBe('unread');
    }));

  it('refuses a source that somebody else reads', () =>
    withChain(channel, async ({ left, right }) => {
      const read = left.b.readBytes(4);
      await expect(left.b.pipeTo(right.a)).rejects.toMatchObject({ code: 'ERR_STREAM_BUSY' });
      await left.a.write('mine');
      expect(text(await read)).toBe('mine');
    }));

  it('echoes when a stream is its own target', () =>
    withChain(channel, async ({ left }) => {
      const echoing = left.b.pipeTo(left.b);
      await left.a.write('hello');
      left.a.endWrite();
      expect(text(await left.a.readUntilClose())).toBe('hello');
      expect(await echoing).toBe(5);
    }));
});

describe.each(CHANNEL_NAMES)('join over %s', (channel) => {
  it('moves both ways, hands on each half-close, and closes at the end', () =>
    withChain(channel, async ({ left, right }) => {
      const joined = join(left.b, right.a);
      await left.a.write('question');
      left.a.endWrite();
      expect(text(await right.b.readUntilClose())).toBe('question');
      await right.b.write('answer');
      right.b.endWrite();
      expect(text(await left.a.readUntilClose())).toBe('answer');
      expect(await joined).toEqual([8, 6]);
      await Promise.all([left.b.waitClosed(), right.a.waitClosed()]);
      expect([left.b.error, right.a.error]).toEqual([undefined, undefined]);
    }));

  it.each(['left', 'right'] as const)('hands on a reset from the %s', (side) =>
    withChain(channel, async ({ left, right }) => {
      const joined = expect(join(left.b, right.a)).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' });
      const [breaking, inner, other] =
        side === 'left' ? [left.a, left.b, right.b] : [right.b, right.a, left.a];
      const seen = other.readBytes(1).catch((error: unknown) => error);
      await leaveUnread(inner);
      breaking.reset();
      await joined;
      expect(await seen).toMatchObject(afterReset(channel));
    }),
  );

  it('resets both when aborted', () =>
    withChain(channel, async ({ left, right }) => {
      const controller = new AbortController();
      const joined = join(left.b, right.a, { signal: controller.signal });
      const seen = [left.a, right.b].map((end) => end.readBytes(1).catch((error: unknown) => error));
      const reason = new Error('enough');
      controller.abort(reason);
      await expect(joined).rejects.toBe(reason);
      for (const error of await Promise.all(seen)) {
        expect(error).toMatchObject(afterReset(channel));
      }
      expect([left.b.closeReason, right.a.closeReason]).toEqual(['we-reset', 'we-reset']);
    }));
});

describe('a TCP proxy in ten lines', () => {
  it('carries many connections at once, and leaves none open', async () => {
    const backend = await new TCPServer({
      async handleStream(stream: IOStream) {
        await stream.pipeTo(stream);
      },
    }).listen({ host });

    const client = new TCPClient();
    const proxy = new TCPServer({
      async handleStream(inbound) {
        const outbound = await client.connect({ host, port: backend.port });
        await join(inbound, outbound);
      },
    });
    await proxy.listen({ host });

    const sizes = Array.from({ length: 20 }, (_, i) => i * 77_777);
    await Promise.all(
      sizes.map(async (size) => {
        await using stream = await client.connect({ host, port: proxy.port });
        const sent = pattern(size);
        void stream.write(sent);
        stream.endWrite();
        expect((await stream.readUntilClose()).equals(sent)).toBe(true);
      }),
    );
    await until(() => proxy.openConnections === 0 && backend.openConnections === 0);
    expect(proxy.stats().closed).toMatchObject({ 'peer-ended': 20, error: 0 });
    await Promise.all([proxy.closeAll(), backend.closeAll()]);
  });
});
