import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { connectToRawPeer, failureOf } from './support/raw-peer.ts';

const codeOf = (error: unknown) => (error as { code?: string } | undefined)?.code;

/** What the compliance suite cannot bring about with a stream at each end. */
describe('IOStream.closeReason, of a peer that resets', () => {
  it.each([false, true])('is peer-reset, also after our FIN: %s [STR-12]', async (isAfterOurs) => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    const read = stream.readUntilClose();
    if (isAfterOurs) {
      stream.endWrite();
      peer.resume();
      await once(peer, 'end');
    }
    peer.resetAndDestroy();
    await read;
    await stream.waitClosed();
    expect([stream.closeReason, codeOf(stream.error)]).toEqual(['peer-reset', 'ECONNRESET']);
  });

  it('is what came first, and no later close changes it [STR-10]', async () => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    peer.resetAndDestroy();
    await failureOf(stream.readBytes(1));
    stream.close(new Error('too late'));
    stream.reset();
    await stream.waitClosed();
    expect([stream.closeReason, codeOf(stream.error)]).toEqual(['peer-reset', 'ECONNRESET']);
  });

  it('is the same if a long write notices the reset, while what the peer has sent is delivered [STR-12]', async () => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    const events: string[] = [];
    let receivedBytes = 0;
    stream.setConsumer({
      received(_bytes, start, end) {
        // On the native backend, a write of this length does not wait for the end of the batch.
        if (receivedBytes === 0) stream.send(Buffer.alloc(64 * 1024));
        receivedBytes += end - start;
      },
      ended: () => events.push('ended'),
      drained() {},
      closed: (error) => events.push(`closed ${codeOf(error)}`),
    });
    // Exactly what one read of the reactor takes, so that it reads again after the write.
    await new Promise<void>((resolve) => peer.write(Buffer.alloc(64 * 1024), () => resolve()));
    peer.resetAndDestroy();
    await once(peer, 'close');
    stream.resume();
    await stream.waitClosed();
    expect(events).toHaveLength(1);
    expect(events[0]).toMatch(/^closed (?:ECONNRESET|EPIPE)$/);
    expect(stream.closeReason).toBe('peer-reset');
  });
});
