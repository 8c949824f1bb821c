import { describe, expect, it } from 'vitest';
import { type IOStream, TCPClient, TCPServer } from '../../src/index.ts';
import { sendByBytes } from '../support/stream-pair.ts';
import { until } from '../support/until.ts';
import { connectToRawPeer, failureOf, peerSends, turns } from './support/raw-peer.ts';

describe('the limits of a read', () => {
  it.each([1, 2, 7])('are met exactly by bytes that come alone, with a delimiter of %d', async (length) => {
    let accepted!: (stream: IOStream) => void;
    const arrival = new Promise<IOStream>((resolve) => {
      accepted = resolve;
    });
    await using server = await new TCPServer({ handleStream: (it) => accepted(it) }).listen({
      host: '127.0.0.1',
    });
    await using from = await new TCPClient().connect({ host: '127.0.0.1', port: server.port });
    await using to = await arrival;
    const delimiter = 'ab'.repeat(4).slice(0, length);
    const exact = to.readUntil(delimiter, { maxBytes: 20 + length });
    await sendByBytes(from, to, `${'x'.repeat(20)}${delimiter}`);
    expect(await exact).toHaveLength(20 + length);
    const short = failureOf(to.readUntil(delimiter, { maxBytes: 20 + length - 1 }));
    await sendByBytes(from, to, `${'x'.repeat(20)}${delimiter.slice(0, -1)}`);
    expect(await short).toMatchObject({
      code: 'ERR_STREAM_CLOSED',
      cause: { name: 'StreamLimitError', code: 'ERR_STREAM_UNSATISFIABLE' },
    });
    expect(to.closeReason).toBe('limit');
  });

  it('end the wait for a delimiter that never comes, at the limit and not a byte before [STR-03]', async () => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    let isOver = false;
    const read = failureOf(stream.readUntil('\r\n', { maxBytes: 1000 })).finally(() => {
      isOver = true;
    });
    await peerSends(peer, Buffer.alloc(999, 'x'));
    await until(() => stream.bytesReceived === 999);
    await turns(3);
    expect([isOver, stream.isClosed]).toEqual([false, false]);
    await peerSends(peer, 'x');
    expect(await read).toMatchObject({ cause: { code: 'ERR_STREAM_UNSATISFIABLE' } });
    expect([stream.isClosed, stream.closeReason]).toEqual([true, 'limit']);
  });

  it('of the buffer end the wait for a delimiter of a peer that never stops [STR-07]', async () => {
    await using connection = await connectToRawPeer({ maxReadBufferBytes: 256 * 1024 });
    const { stream, peer } = connection;
    const read = failureOf(stream.readUntil('\n'));
    const piece = Buffer.alloc(64 * 1024, 'x');
    let isGone = false;
    peer.once('close', () => {
      isGone = true;
    });
    while (!isGone) {
      peer.write(piece);
      await turns(1);
    }
    expect(await read).toMatchObject({ code: 'ERR_STREAM_CLOSED', cause: { name: 'StreamLimitError' } });
    expect(stream.bufferedBytes).toBeLessThan(512 * 1024);
  });
});
