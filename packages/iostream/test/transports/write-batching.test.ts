import { IOLoop } from '@landspout/ioloop';
import { describe, expect, it } from 'vitest';
import { IOStream } from '../../src/index.ts';
import { connect, listen, memoryPair, type Transport } from '../../src/transports/index.ts';

const loop = IOLoop.current();

/** Two ends of one connection over TCP, on the backend that runs. */
async function tcpPair(): Promise<[Transport, Transport]> {
  let accepted!: (transport: Transport) => void;
  const arrival = new Promise<Transport>((resolve) => {
    accepted = resolve;
  });
  const options = { backlog: 1, onConnection: (transport: Transport) => accepted(transport) };
  const listener = await listen(loop, { address: '127.0.0.1', port: 0 }, options);
  const { port } = listener.address as { port: number };
  const ends: [Transport, Transport] = [await connect(loop, { address: '127.0.0.1', port }), await arrival];
  await listener.close();
  return ends;
}

const PAIRS = [
  ['TCP', tcpPair],
  ['memory', async () => memoryPair()],
] as const;

describe.each(PAIRS)('the writes of one turn, over %s', (_, makePair) => {
  it('leave together: one report of sent bytes for all of them', async () => {
    const [writer, reader] = await makePair();
    const reports: number[] = [];
    const all = new Promise<void>((resolve) => {
      writer.attach({
        received() {},
        ended() {},
        sent(byteLength) {
          reports.push(byteLength);
          setImmediate(resolve);
        },
        closed() {},
      });
    });
    const readable = new IOStream(reader);
    writer.write('one,');
    writer.write(Buffer.from('two,'));
    writer.write('three');
    expect(reports).toEqual([]);
    await all;
    expect(reports).toEqual(['one,two,three'.length]);
    expect((await readable.readBytes(13)).toString()).toBe('one,two,three');
    writer.close();
    readable.close();
  });

  it('leave before the next turn, without anybody who flushes', async () => {
    const [end, peer] = await makePair();
    const [writer, reader] = [new IOStream(end), new IOStream(peer)];
    writer.send('now');
    expect(writer.queuedBytes).toBe(3);
    expect((await reader.readBytes(3)).toString()).toBe('now');
    expect(writer.queuedBytes).toBe(0);
    writer.close();
    reader.close();
  });
});

describe('what many streams write in one turn', () => {
  /** Streams over TCP, each with the peer that reads it. */
  async function streamPairs(count: number): Promise<[IOStream, IOStream][]> {
    const pairs = await Promise.all(Array.from({ length: count }, tcpPair));
    return pairs.map(([near, far]) => [new IOStream(near), new IOStream(far)]);
  }

  it('arrives where it belongs, however long and of whatever kind it is', async () => {
    const pairs = await streamPairs(40);
    const texts = pairs.map((_, at) => `${at}:${String.fromCharCode(0xff - at).repeat(at ** 3)};`);
    for (const [at, [near]] of pairs.entries()) {
      const text = texts[at] as string;
      if (at % 5 === 1) near.send(Buffer.from(text, 'latin1'));
      else if (at % 5 === 2) for (const part of [text.slice(0, 2), text.slice(2)]) near.send(part);
      else near.send(text);
      if (at % 5 === 3) near.endWrite();
    }
    for (const [at, [, far]] of pairs.entries()) {
      const text = texts[at] as string;
      expect((await far.readBytes(text.length)).toString('latin1')).toBe(text);
    }
    for (const pair of pairs) for (const stream of pair) stream.close();
  });

  it('arrives once, and in order, when one that is told of it flushes, writes to and closes the others', async () => {
    const pairs = await streamPairs(6);
    const near = pairs.map(([stream]) => stream);
    const [first, second, third, fourth, fifth, sixth] = near as [
      IOStream,
      IOStream,
      IOStream,
      IOStream,
      IOStream,
      IOStream,
    ];
    let told = 0;
    first.setConsumer({
      received() {},
      ended() {},
      drained() {
        told += 1;
        if (told > 1) return;
        second.flush();
        third.send('more');
        third.flush();
        fourth.send('more');
        fifth.close();
        sixth.endWrite();
      },
      closed() {},
    });
    for (const stream of near) stream.send('text');
    const whole = await Promise.all(
      pairs.map(async ([, far], at) => {
        const expected = at === 2 || at === 3 ? 8 : 4;
        return (await far.readBytes(expected)).toString();
      }),
    );
    expect(whole).toEqual(['text', 'text', 'textmore', 'textmore', 'text', 'text']);
    expect(told).toBe(1);
    for (const stream of near.slice(0, 5)) stream.close();
    for (const [, far] of pairs) expect(await far.readUntilClose()).toHaveLength(0);
    for (const pair of pairs) for (const stream of pair) stream.close();
  });

  it('goes on for each where the kernel takes a part of it, and fails for one whose peer has gone', async () => {
    const pairs = await streamPairs(8);
    const [[broken, gone]] = pairs as [[IOStream, IOStream]];
    gone.reset();
    const pieces = pairs.map((_, at) => String.fromCharCode(65 + at).repeat(12_000));
    // More than the kernel holds for a peer that does not read yet, a text for each turn.
    for (let turn = 0; turn < 400; turn += 1) {
      for (const [at, [near]] of pairs.entries()) near.send(pieces[at] as string);
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const [at, [, far]] of pairs.entries()) {
      if (at === 0) continue;
      const bytes = await far.readBytes(400 * 12_000);
      expect(bytes.equals(Buffer.from((pieces[at] as string).repeat(400)))).toBe(true);
    }
    expect(broken.isClosed).toBe(true);
    for (const pair of pairs) for (const stream of pair) stream.close();
  });
});
