import { once } from 'node:events';
import { IOLoop } from '@landspout/ioloop';
import { describe, expect, it } from 'vitest';
import { IOStream } from '../../src/index.ts';
import { connect } from '../../src/transports/index.ts';
import { text } from '../support/stream-pair.ts';
import { openDescriptors, until, untilDescriptorsAre } from '../support/until.ts';
import { connectToRawPeer, connectToRawPeers, failureOf, nextTurn, turns } from './support/raw-peer.ts';

const HOST = '127.0.0.1';
/** Made before descriptors are counted: it has one or two of its own. */
const thisLoop = IOLoop.current();
/** More than the systems of both ends take. */
const MUCH = 24 * 1024 * 1024;
/** What the system takes for a new connection: a reset throws away what has not left. */
const WINDOW = 30_000;

/** Hands the stream to a consumer that writes down what it is told. */
function record(stream: IOStream, onReceived: (bytes: string) => void = () => {}): string[] {
  const events: string[] = [];
  stream.setConsumer({
    received(bytes, start, end) {
      const piece = bytes.toString('latin1', start, end);
      events.push(piece);
      onReceived(piece);
    },
    ended: () => void events.push('(end)'),
    drained() {},
    closed: (error) => void events.push(error === undefined ? '(closed)' : '(broken)'),
  });
  stream.resume();
  return events;
}

describe('streams whose events come together', () => {
  it('tell a stream that another closes of its close alone', async () => {
    await using pair = await connectToRawPeers(2);
    const [one, other] = pair.map(({ stream }) => stream) as [IOStream, IOStream];
    // Whichever comes first closes the other.
    const events = [record(one, () => other.close()), record(other, () => one.close())];
    await nextTurn();
    for (const { peer } of pair) peer.write('x');
    await Promise.race([one.waitClosed(), other.waitClosed()]);
    await turns(5);
    expect(events.map((each) => each.join(' ')).sort()).toEqual(['(closed)', 'x']);
    expect([one.isClosed, other.isClosed].sort()).toEqual([false, true]);
  });

  it('tell a stream that another resets of its close alone, although its peer has reset it too', async () => {
    await using pair = await connectToRawPeers(2);
    const [one, other] = pair.map(({ stream }) => stream) as [IOStream, IOStream];
    const events = [record(one, () => other.reset()), record(other)];
    await nextTurn();
    pair[0]?.peer.write('x');
    pair[1]?.peer.resetAndDestroy();
    await other.waitClosed();
    await turns(5);
    expect(events[0]).toEqual(['x']);
    expect(events[1]).toHaveLength(1);
    expect(['we-reset', 'peer-reset']).toContain(other.closeReason);
  });

  it('settle the reads of streams that continuations of the others close', async () => {
    const count = 20;
    await using pairs = await connectToRawPeers(count);
    const streams = pairs.map(({ stream }) => stream);
    const reads = streams.map(async (stream, at) => {
      const bytes = await failureOf(stream.readBytes(1));
      streams[(at + 1) % count]?.close();
      return bytes;
    });
    await nextTurn();
    for (const { peer } of pairs) peer.write('x');
    const outcomes = await Promise.all(reads);
    // Read already, or closed before: nothing between.
    for (const outcome of outcomes) {
      if (outcome instanceof Uint8Array) expect(text(outcome)).toBe('x');
      else expect(outcome).toMatchObject({ code: 'ERR_STREAM_CLOSED', cause: undefined });
    }
    expect(outcomes[0]).toBeInstanceOf(Uint8Array);
    await Promise.all(streams.map((stream) => stream.waitClosed()));
  });

  it('give a descriptor that is free again nothing of what was meant for its last owner', async () => {
    const before = openDescriptors();
    {
      await using pairs = await connectToRawPeers(8);
      await using third = await connectToRawPeer();
      const { port } = third.peer.address() as { port: number };
      const opened: Promise<unknown>[] = [];
      const events = pairs.map(({ stream }, at) =>
        record(stream, () => {
          // All others go, and what is opened now gets their descriptors while their events are still to come.
          for (const [other, pair] of pairs.entries()) if (other !== at) pair.stream.close();
          for (let i = 0; i < 8; i += 1) opened.push(failureOf(connect(thisLoop, { address: HOST, port })));
        }),
      );
      await nextTurn();
      for (const { peer } of pairs) peer.write('x');
      await until(() => opened.length > 0);
      // Its listener has gone: each is refused, and none is taken for connected by an event of another's.
      for (const outcome of await Promise.all(opened))
        expect(outcome).toMatchObject({ code: 'ECONNREFUSED' });
      await turns(3);
      expect(events.flat().sort()).toEqual([...Array(7).fill('(closed)'), 'x']);
    }
    await untilDescriptorsAre(before);
  });

  it('hand what has come to the heir of a stream that another gives away', async () => {
    await using pair = await connectToRawPeers(2);
    const [one, other] = pair.map(({ stream }) => stream) as [IOStream, IOStream];
    const heirs: IOStream[] = [];
    const giveAway = (stream: IOStream) => () => {
      if (heirs.length === 0) heirs.push(new IOStream(stream.detachTransport()));
    };
    const events = [record(one, giveAway(other)), record(other, giveAway(one))];
    await nextTurn();
    for (const { peer } of pair) peer.write('x');
    await until(() => heirs.length > 0);
    const [heir] = heirs as [IOStream];
    expect(text(await heir.readBytes(1))).toBe('x');
    expect(events.map((each) => each.join(' ')).sort()).toEqual(['', 'x']);
    heir.close();
    await heir.waitClosed();
  });

  it('close each stream once when all close and reset all others', async () => {
    const before = openDescriptors();
    {
      const count = 60;
      await using pairs = await connectToRawPeers(count);
      let opened = 0;
      const events = pairs.map(({ stream }, at) =>
        record(stream, () => {
          opened += 1;
          for (const step of [1, 7, 31]) {
            const victim = pairs[(at + step) % count]?.stream;
            if (step === 7) victim?.reset();
            else victim?.close();
          }
        }),
      );
      await nextTurn();
      for (const [at, { peer }] of pairs.entries()) {
        peer.write('x');
        if (at % 3 === 0) peer.end();
        else if (at % 5 === 0) peer.resetAndDestroy();
      }
      await until(() => opened > 0);
      for (const { stream } of pairs) stream.close();
      await Promise.all(pairs.map(({ stream }) => stream.waitClosed()));
      await turns(3);
      for (const each of events) {
        expect(each.filter((event) => /closed|broken/.test(event))).toHaveLength(1);
        expect(each.at(-1)).toMatch(/closed|broken/);
      }
    }
    await untilDescriptorsAre(before);
  });
});

describe('a stream whose peer does everything at once', () => {
  it('gets nothing of it when we close in the same turn', async () => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    const read = failureOf(stream.readBytes(1));
    await nextTurn();
    peer.end('last words');
    stream.close();
    expect(await read).toMatchObject({ code: 'ERR_STREAM_CLOSED', cause: undefined });
    await stream.waitClosed();
    expect([stream.closeReason, stream.bytesReceived, stream.isEnded]).toEqual(['we-ended', 0, false]);
  });

  it.each(['data, FIN and RST', 'data and RST'])('gets all the data of %s that wait for it', async (all) => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    const sent = Buffer.alloc(WINDOW, 'abc');
    // Nothing is looked at before somebody reads.
    peer.write(sent);
    if (all.includes('FIN')) await new Promise<void>((resolve) => peer.end(resolve));
    peer.resetAndDestroy();
    expect((await stream.readBytes(sent.length)).equals(sent)).toBe(true);
    // On the portable backend the reset looks like an orderly end until something is written (ADR 0001).
    while (!stream.isClosed) {
      stream.send('are you there?');
      await nextTurn();
    }
    expect(stream.closeReason).toBe('peer-reset');
  });

  it('reads the answer of a peer that refuses what we write, and resets (RFC 9112 §9.6) [STR-05]', async () => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    const sent = Buffer.alloc(WINDOW, '413 ');
    const written = failureOf(stream.write(Buffer.alloc(MUCH)));
    const read = stream.readBytes(sent.length);
    await until(() => stream.bytesSent > 0);
    peer.write(sent);
    peer.resetAndDestroy();
    expect((await read).equals(sent)).toBe(true);
    expect(await written).toMatchObject({ code: 'ERR_STREAM_CLOSED', cause: { code: 'ECONNRESET' } });
    await stream.waitClosed();
    expect(stream.closeReason).toBe('peer-reset');
  });

  it('loses nothing when the consumer pauses inside the call', async () => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    const events = record(stream, () => stream.pause());
    await nextTurn();
    peer.write('before ');
    await until(() => events.length === 1);
    peer.end('the end');
    await turns(5);
    expect(events).toEqual(['before ']);
    stream.resume();
    await until(() => events.includes('the end'));
    stream.resume();
    await until(() => events.includes('(end)'));
    expect(events).toEqual(['before ', 'the end', '(end)']);
  });

  it('answers a read and takes the next one of its continuation before the end', async () => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    const both = stream.readBytes(1).then(async (one) => [one, await stream.readUntilClose()]);
    await nextTurn();
    peer.end('abc');
    expect((await both).map(text)).toEqual(['a', 'bc']);
  });

  it('is told once when it closes at the end that would have closed it', async () => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    const events: string[] = [];
    stream.setConsumer({
      received() {},
      ended() {
        events.push('(end)');
        stream.close();
      },
      drained() {},
      closed: (error) => void events.push(error === undefined ? '(closed)' : '(broken)'),
    });
    stream.resume();
    stream.endWrite();
    peer.resume();
    await once(peer, 'end');
    peer.end();
    await stream.waitClosed();
    await turns(3);
    expect([events, stream.closeReason]).toEqual([['(end)', '(closed)'], 'we-ended']);
  });

  it('is written to and closed inside its own handler without a word to it later', async () => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    const events = record(stream, () => {
      stream.send('dropped');
      stream.close();
      stream.reset();
      stream.endWrite();
      stream.send('ignored');
    });
    await nextTurn();
    peer.write('x');
    peer.end();
    await stream.waitClosed();
    await turns(3);
    expect(events).toEqual(['x', '(closed)']);
    expect(stream.queuedBytes).toBe(0);
  });
});
