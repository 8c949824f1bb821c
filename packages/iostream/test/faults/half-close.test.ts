import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { text } from '../support/stream-pair.ts';
import { until } from '../support/until.ts';
import { connectToRawPeer, failureOf, peerSends } from './support/raw-peer.ts';

const MUCH = Buffer.alloc(12 * 1024 * 1024, 'm');

async function all(peer: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of peer.iterator({ destroyOnReturn: false })) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

describe('a half-closed IOStream', () => {
  it('is still written to, however much, when the peer has shut down its side [STR-12]', async () => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    peer.end('question');
    expect(text(await stream.readUntilClose())).toBe('question');
    expect([stream.isEnded, stream.isClosed, stream.isWritable]).toEqual([true, false, true]);
    expect(stream.closeReason).toBeUndefined();
    void stream.write(MUCH);
    stream.endWrite();
    expect(await all(peer)).toHaveLength(MUCH.length);
    await stream.waitClosed();
    expect([stream.closeReason, stream.error]).toEqual(['peer-ended', undefined]);
  });

  it('finishes what is queued when the peer shuts down its side meanwhile', async () => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    const written = stream.write(MUCH);
    const read = failureOf(stream.readBytes(1));
    await until(() => stream.bytesSent > 0);
    peer.end();
    expect(await read).toMatchObject({ code: 'ERR_STREAM_CLOSED', cause: undefined });
    stream.endWrite();
    expect(await all(peer)).toHaveLength(MUCH.length);
    await written;
  });

  it('goes on reading when it has shut down its own side, after all that was queued', async () => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    void stream.write(MUCH);
    stream.endWrite();
    expect([stream.isWriteEnded, stream.isWritable]).toEqual([true, false]);
    expect(await all(peer)).toHaveLength(MUCH.length);
    await peerSends(peer, 'one,');
    expect(text(await stream.readUntil(','))).toBe('one,');
    peer.end('two');
    expect(text(await stream.readUntilClose())).toBe('two');
    await stream.waitClosed();
    expect([stream.closeReason, stream.error]).toEqual(['we-ended', undefined]);
  });

  it('fails reads past the end of the peer, which is no close, and keeps what had come [STR-05]', async () => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    peer.end('half a line');
    const error = (await failureOf(stream.readUntil('\n'))) as Error;
    expect(error).toMatchObject({ name: 'StreamClosedError', code: 'ERR_STREAM_CLOSED', cause: undefined });
    expect(await failureOf(stream.readBytes(12))).toMatchObject({ code: 'ERR_STREAM_CLOSED' });
    expect(text(await stream.readBytes(5))).toBe('half ');
    expect(text(await stream.readBytes(100, { partial: true }))).toBe('a line');
    expect(stream.isClosed).toBe(false);
  });

  it('shuts down its side once, however often it is told to', async () => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    stream.endWrite();
    stream.endWrite();
    peer.resume();
    await once(peer, 'end');
    stream.endWrite();
    await peerSends(peer, 'here');
    expect(text(await stream.readBytes(4))).toBe('here');
  });
});

/** What each side does, and what the stream says of it. The stream reads, as one in use does. */
const WAYS: readonly {
  readonly name: string;
  readonly does: (connection: Awaited<ReturnType<typeof connectToRawPeer>>) => Promise<void> | void;
  readonly reason: string;
  readonly code?: string;
}[] = [
  {
    name: 'peer-ended after FIN of the peer and then ours',
    async does({ stream, peer }) {
      peer.end();
      await until(() => stream.isEnded);
      stream.endWrite();
    },
    reason: 'peer-ended',
  },
  {
    name: 'peer-ended when we close after FIN of the peer',
    async does({ stream, peer }) {
      peer.end();
      await until(() => stream.isEnded);
      stream.close();
    },
    reason: 'peer-ended',
  },
  {
    name: 'we-ended after our FIN and then the one of the peer',
    async does({ stream, peer }) {
      stream.endWrite();
      peer.resume();
      await once(peer, 'end');
      peer.end();
    },
    reason: 'we-ended',
  },
  {
    name: 'we-ended when we close',
    does: ({ stream }) => stream.close(),
    reason: 'we-ended',
  },
  {
    name: 'we-ended when we close although the peer resets in the same turn',
    does({ stream, peer }) {
      peer.resetAndDestroy();
      stream.close();
    },
    reason: 'we-ended',
  },
  {
    name: 'we-ended when we close after our own FIN',
    async does({ stream, peer }) {
      stream.endWrite();
      peer.resume();
      await once(peer, 'end');
      stream.close();
    },
    reason: 'we-ended',
  },
  {
    name: 'peer-reset after RST of the peer',
    does: ({ peer }) => void peer.resetAndDestroy(),
    reason: 'peer-reset',
    code: 'ECONNRESET',
  },
  {
    name: 'peer-reset after our FIN and then RST of the peer',
    async does({ stream, peer }) {
      stream.endWrite();
      peer.resume();
      await once(peer, 'end');
      peer.resetAndDestroy();
    },
    reason: 'peer-reset',
    code: 'ECONNRESET',
  },
  {
    name: 'we-reset when we reset',
    does: ({ stream }) => stream.reset(),
    reason: 'we-reset',
  },
  {
    name: 'we-reset when we reset after FIN of the peer',
    async does({ stream, peer }) {
      peer.end();
      await until(() => stream.isEnded);
      stream.reset();
    },
    reason: 'we-reset',
  },
  {
    name: 'timeout when a deadline of ours closes it',
    does: ({ stream }) => stream.close(Object.assign(new Error('late'), { code: 'ERR_HTTP_TIMEOUT' })),
    reason: 'timeout',
    code: 'ERR_HTTP_TIMEOUT',
  },
  {
    name: 'error when a bug closes it',
    does: ({ stream }) => stream.close(new Error('a bug')),
    reason: 'error',
  },
];

describe('IOStream.closeReason', () => {
  it.each(WAYS.map((way) => [way.name, way] as const))('is %s', async (_name, { does, reason, code }) => {
    await using connection = await connectToRawPeer();
    const { stream } = connection;
    expect(stream.closeReason).toBeUndefined();
    const read = stream.readUntilClose();
    await does(connection);
    await read;
    await stream.waitClosed();
    expect([stream.closeReason, (stream.error as { code?: string } | undefined)?.code]).toEqual([
      reason,
      code,
    ]);
  });

  it('is what came first, and no later close changes it [STR-10]', async () => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    peer.resetAndDestroy();
    await failureOf(stream.readBytes(1));
    stream.close(new Error('too late'));
    stream.reset();
    await stream.waitClosed();
    expect([stream.closeReason, (stream.error as { code?: string }).code]).toEqual([
      'peer-reset',
      'ECONNRESET',
    ]);
  });
});
