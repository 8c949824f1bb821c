import { IOLoop } from '@landspout/ioloop';
import { describe, expect, it } from 'vitest';
import { connect, IOStream, listen, memoryPair, type Transport } from '../src/index.ts';

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
