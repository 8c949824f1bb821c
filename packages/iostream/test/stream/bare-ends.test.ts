import { describe, expect, it } from 'vitest';
import { IOStream, join, type StreamConsumer, StreamTruncatedError } from '../../src/index.ts';
import { bareEndingPair } from '../support/bare-ends.ts';
import { text } from '../support/stream-pair.ts';
import { until } from '../support/until.ts';

const TRUNCATED = { name: 'StreamTruncatedError', code: 'ERR_STREAM_TLS_TRUNCATED' };
const CUT_SHORT = { name: 'StreamClosedError', code: 'ERR_STREAM_CLOSED', cause: TRUNCATED };

type Pair = ReturnType<typeof bareEndingPair>;

/** Ways for a stream to have seen the bare end of its peer. */
const MOMENTS: Record<string, (pair: Pair) => Promise<void>> = {
  'while it is pending': async () => {},
  'before it': async ({ stream, peer }) => {
    peer.endWrite();
    await sawEnd(stream);
  },
  'before it, and both sides have ended': async ({ stream, peer }) => {
    peer.endWrite();
    await sawEnd(stream);
    stream.endWrite();
    await stream.waitClosed();
  },
  'before it, and the stream was closed': async ({ stream, peer }) => {
    peer.endWrite();
    await sawEnd(stream);
    stream.close(new Error('for another reason'));
    await stream.waitClosed();
  },
};

/** Makes a stream read until it has seen the end of its peer. */
async function sawEnd(stream: IOStream): Promise<void> {
  stream.setCloseCallback(() => {});
  await until(() => stream.isEnded);
}

/** Reads everything from a peer that has ended, as a protocol that knows the length of its messages would. */
async function restOf(stream: IOStream): Promise<string> {
  return text(await stream.readBytes(stream.bufferedBytes));
}

describe.each(Object.entries(MOMENTS))('an end that TLS has not announced, %s', (_moment, prepare) => {
  it('fails readUntilClose, and leaves the bytes to be read', async () => {
    const pair = bareEndingPair();
    const { stream, peer } = pair;
    await peer.write('half');
    await prepare(pair);
    const read = stream.readUntilClose();
    peer.endWrite();
    await expect(read).rejects.toMatchObject({ ...TRUNCATED, bytesReceived: 4 });
    await expect(stream.readUntilClose()).rejects.toMatchObject(TRUNCATED);
    expect(await restOf(stream)).toBe('half');
  });

  it('fails readUntilClose without any bytes', async () => {
    const pair = bareEndingPair();
    await prepare(pair);
    const read = pair.stream.readUntilClose();
    pair.peer.endWrite();
    await expect(read).rejects.toMatchObject({ ...TRUNCATED, bytesReceived: 0 });
  });

  it('fails an iteration after its last whole item, and leaves the rest to be read', async () => {
    const ITERATIONS: Record<string, (stream: IOStream) => AsyncIterable<Buffer | string>> = {
      'for await': (stream) => stream,
      chunks: (stream) => stream.chunks({ maxBytes: 3 }),
      lines: (stream) => stream.lines(),
      records: (stream) => stream.records(3),
    };
    const EXPECTED: Record<string, readonly [items: string[], rest: string]> = {
      'for await': [['ab\ncd'], ''],
      chunks: [['ab\n', 'cd'], ''],
      lines: [['ab'], 'cd'],
      records: [['ab\n'], 'cd'],
    };
    for (const [name, iterate] of Object.entries(ITERATIONS)) {
      const pair = bareEndingPair();
      const { stream, peer } = pair;
      await peer.write('ab\ncd');
      await prepare(pair);
      const items: string[] = [];
      const iterating = (async () => {
        for await (const item of iterate(stream)) items.push(item.toString());
      })();
      const failure = iterating.catch((error: unknown) => error);
      await until(() => items.length > 0);
      peer.endWrite();
      expect(await failure, name).toMatchObject({ ...TRUNCATED, bytesReceived: 5 });
      expect([items, await restOf(stream)], name).toEqual(EXPECTED[name]);
    }
  });

  it('fails an iteration whose items are all whole: there may have been more', async () => {
    for (const iterate of [(stream: IOStream) => stream.lines(), (stream: IOStream) => stream.records(3)]) {
      const pair = bareEndingPair();
      await pair.peer.write('ab\n');
      await prepare(pair);
      const iterator = iterate(pair.stream);
      expect((await iterator.next()).done).toBe(false);
      const next = iterator.next();
      pair.peer.endWrite();
      await expect(next).rejects.toMatchObject(TRUNCATED);
      expect(await iterator.next()).toEqual({ done: true, value: undefined });
    }
  });

  it('is the cause if a read waits for more bytes, unless the stream was closed for a reason', async () => {
    const READS: Record<string, (stream: IOStream) => Promise<unknown>> = {
      readBytes: (stream) => stream.readBytes(10),
      readInto: (stream) => stream.readInto(new Uint8Array(10)),
      readUntil: (stream) => stream.readUntil('\n'),
      readUntilRegex: (stream) => stream.readUntilRegex(/x+$/),
    };
    for (const [name, read] of Object.entries(READS)) {
      const pair = bareEndingPair();
      const { stream, peer } = pair;
      await peer.write('half');
      await prepare(pair);
      const failing = read(stream);
      peer.endWrite();
      const expected = stream.error === undefined ? CUT_SHORT : { ...CUT_SHORT, cause: stream.error };
      await expect(failing, name).rejects.toMatchObject(expected);
      expect(await restOf(stream), name).toBe('half');
    }
  });

  it('does not concern a read that needs no more bytes', async () => {
    const pair = bareEndingPair();
    const { stream, peer } = pair;
    await peer.write('one\ntwo\nthree, four');
    await prepare(pair);
    expect(text(await stream.readUntil('\n'))).toBe('one\n');
    expect(text(await stream.readUntilRegex(/o\n/))).toBe('two\n');
    peer.endWrite();
    expect(text(await stream.readBytes(6))).toBe('three,');
    expect(text(await stream.readBytes(100, { partial: true }))).toBe(' four');
    await expect(stream.readBytes(100, { partial: true })).rejects.toMatchObject({
      code: 'ERR_STREAM_CLOSED',
    });
    await expect(stream.readInto(new Uint8Array(1), { partial: true })).rejects.toMatchObject({
      code: 'ERR_STREAM_CLOSED',
    });
  });
});

describe('a stream whose peer has ended without close_notify', () => {
  it('is still written, and closes as after any other end', async () => {
    const { stream, peer } = bareEndingPair();
    await peer.write('request');
    peer.endWrite();
    await expect(stream.readUntilClose()).rejects.toMatchObject(TRUNCATED);
    expect([stream.isEnded, stream.isEndBare, stream.isClosed, stream.error]).toEqual([
      true,
      true,
      false,
      undefined,
    ]);
    await stream.write('response');
    stream.endWrite();
    expect(text(await peer.readUntilClose())).toBe('response');
    await stream.waitClosed();
    expect([stream.closeReason, stream.error]).toEqual(['peer-ended', undefined]);
  });

  it('does not blame writes on the end', async () => {
    const { stream, peer } = bareEndingPair();
    peer.endWrite();
    await sawEnd(stream);
    stream.endWrite();
    await stream.waitClosed();
    await expect(stream.write('late')).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED', cause: undefined });
  });

  it('says in the error what was read, what was expected and what may be wrong', async () => {
    const { stream, peer } = bareEndingPair();
    await peer.write('half of it');
    peer.endWrite();
    const error = await stream.readUntilClose().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StreamTruncatedError);
    expect((error as Error).message).toMatch(
      /^readUntilClose: expected .*close_notify.* after 10 bytes .*bytes may be missing/,
    );
  });

  it('counts as ended by the peer if a handler closes it with the error of its read', async () => {
    const { stream, peer } = bareEndingPair();
    const read = stream.readUntil('\n').catch((reason: unknown) => reason);
    peer.endWrite();
    stream.close((await read) as Error);
    expect(stream.closeReason).toBe('peer-ended');
  });

  it('closes gracefully like any other', async () => {
    const { stream, peer } = bareEndingPair();
    stream.closeGracefully();
    peer.endWrite();
    await stream.waitClosed();
    expect([stream.closeReason, stream.error]).toEqual(['we-ended', undefined]);
  });

  it('tells its consumer, also one that resumes after the end', async () => {
    const { stream, peer } = bareEndingPair();
    const heard: string[] = [];
    const consumerOf = (name: string): StreamConsumer => ({
      received: (bytes, start, end) => void heard.push(`${name}: ${text(bytes.subarray(start, end))}`),
      ended: (isBare) => void heard.push(`${name}: ${isBare ? 'bare' : 'announced'}`),
      drained() {},
      closed() {},
    });
    stream.setConsumer(consumerOf('first'));
    stream.resume();
    await peer.write('bytes');
    peer.endWrite();
    await until(() => heard.length === 2);
    stream.setConsumer(consumerOf('second'));
    stream.resume();
    await until(() => heard.length === 3);
    stream.setConsumer(undefined);
    stream.unread(Buffer.from('again'));
    stream.setConsumer(consumerOf('third'));
    stream.resume();
    await until(() => heard.length === 5);
    expect(heard).toEqual(['first: bytes', 'first: bare', 'second: bare', 'third: again', 'third: bare']);
  });

  it('is no concern of a stream whose peer has announced its end', async () => {
    const [stream, peer] = IOStream.pair();
    const ends: boolean[] = [];
    await peer.write('whole');
    peer.endWrite();
    expect(text(await stream.readUntilClose())).toBe('whole');
    expect(stream.isEndBare).toBe(false);
    stream.setConsumer({
      received() {},
      ended: (isBare) => void ends.push(isBare),
      drained() {},
      closed() {},
    });
    stream.resume();
    await until(() => ends.length === 1);
    expect(ends).toEqual([false]);
  });
});

describe('a pipe from a stream whose peer ends without close_notify', () => {
  it('resets its target, so that the bytes do not look complete, and keeps the source open', async () => {
    const { stream, peer } = bareEndingPair();
    const [target, receiver] = IOStream.pair();
    await peer.write('half');
    const piping = stream.pipeTo(target);
    expect(text(await receiver.readBytes(4))).toBe('half');
    peer.endWrite();
    await expect(piping).rejects.toMatchObject(TRUNCATED);
    await expect(receiver.readBytes(1)).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
    expect([target.closeReason, target.error]).toMatchObject(['we-reset', TRUNCATED]);
    await stream.write('still open');
    expect(text(await peer.readBytes(10))).toBe('still open');
  });

  it('leaves the target alone with end: false', async () => {
    const { stream, peer } = bareEndingPair();
    const [target, receiver] = IOStream.pair();
    await peer.write('half');
    peer.endWrite();
    await expect(stream.pipeTo(target, { end: false })).rejects.toMatchObject(TRUNCATED);
    await target.write(', more');
    expect(text(await receiver.readBytes(10))).toBe('half, more');
  });

  it.each(['left', 'right'] as const)('resets both streams of a join, from the %s', async (side) => {
    const { stream, peer } = bareEndingPair();
    const [other, receiver] = IOStream.pair();
    const joined = side === 'left' ? join(stream, other) : join(other, stream);
    await peer.write('half');
    expect(text(await receiver.readBytes(4))).toBe('half');
    peer.endWrite();
    await expect(joined).rejects.toMatchObject(TRUNCATED);
    expect([stream.closeReason, other.closeReason]).toEqual(['we-reset', 'we-reset']);
    await expect(receiver.readBytes(1)).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
  });
});
