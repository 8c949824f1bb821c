import { once } from 'node:events';
import { type Duplex, PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { toDuplex, toWeb } from '../../src/index.ts';
import { bareEndingPair } from '../support/bare-ends.ts';
import { text } from '../support/stream-pair.ts';
import { until } from '../support/until.ts';

const TRUNCATED = { name: 'StreamTruncatedError', code: 'ERR_STREAM_TLS_TRUNCATED' };

/** What a Duplex emits, with data as text. */
function eventsOf(duplex: Duplex): string[] {
  const events: string[] = [];
  duplex.on('end', () => events.push('end'));
  duplex.on('error', (error) => events.push(`error ${(error as { code?: string }).code}`));
  duplex.on('close', () => events.push('close'));
  return events;
}

const FAILED = ['error ERR_STREAM_TLS_TRUNCATED', 'close'];

describe('toDuplex, if the peer ends without close_notify', () => {
  it('fails after the bytes that arrived, and does not end', async () => {
    const { stream, peer } = bareEndingPair();
    const duplex = toDuplex(stream);
    const events = eventsOf(duplex);
    duplex.on('data', (chunk) => events.push(text(chunk)));
    await peer.write('half');
    peer.endWrite();
    await until(() => duplex.closed);
    expect(events).toEqual(['half', ...FAILED]);
    expect([stream.isClosed, stream.error]).toMatchObject([true, TRUNCATED]);
  });

  it('keeps the bytes for a reader that comes later', async () => {
    const { stream, peer } = bareEndingPair();
    const duplex = toDuplex(stream);
    const events = eventsOf(duplex);
    await peer.write('half');
    duplex.read(0);
    await until(() => duplex.readableLength === 4);
    peer.endWrite();
    await until(() => stream.isEnded);
    expect(events).toEqual([]);
    duplex.on('data', (chunk) => events.push(text(chunk)));
    await until(() => duplex.closed);
    expect(events).toEqual(['half', ...FAILED]);
  });

  it('fails an iteration', async () => {
    const { stream, peer } = bareEndingPair();
    await peer.write('half');
    peer.endWrite();
    const chunks: string[] = [];
    const iterating = (async () => {
      for await (const chunk of toDuplex(stream)) chunks.push(text(chunk));
    })();
    await expect(iterating).rejects.toMatchObject(TRUNCATED);
    expect(chunks).toEqual(['half']);
  });

  it('fails a pipeline, whose target is destroyed', async () => {
    const { stream, peer } = bareEndingPair();
    const target = new PassThrough();
    target.on('error', () => {});
    await peer.write('half');
    peer.endWrite();
    await expect(pipeline(toDuplex(stream), target)).rejects.toMatchObject(TRUNCATED);
    expect([target.destroyed, target.writableFinished]).toEqual([true, false]);
  });

  it.each([3, 4, 5])('fails a reader of %i bytes at a time if 4 have arrived', async (size) => {
    const { stream, peer } = bareEndingPair();
    const duplex = toDuplex(stream);
    const events = eventsOf(duplex);
    duplex.on('readable', () => {
      for (let chunk = duplex.read(size); chunk !== null; chunk = duplex.read(size)) events.push(text(chunk));
    });
    await peer.write('half');
    await until(() => stream.bytesReceived === 4);
    peer.endWrite();
    await until(() => duplex.closed);
    expect(events).toEqual([...(size > 4 ? [] : ['half'.slice(0, size)]), ...FAILED]);
  });

  it('fails even if nothing is left to read and nothing reads', async () => {
    const { stream, peer } = bareEndingPair();
    const duplex = toDuplex(stream);
    const events = eventsOf(duplex);
    duplex.end('all');
    peer.endWrite();
    expect(text(await peer.readUntilClose())).toBe('all');
    await until(() => duplex.closed);
    expect(events).toEqual(FAILED);
  });

  it.each(['', 'half'])('fails after %j if the stream was closed before', async (sent) => {
    const { stream, peer } = bareEndingPair();
    await peer.write(sent);
    peer.endWrite();
    stream.setCloseCallback(() => {});
    await until(() => stream.isEnded);
    stream.close();
    await stream.waitClosed();
    const duplex = toDuplex(stream);
    const events = eventsOf(duplex);
    duplex.on('data', (chunk) => events.push(text(chunk)));
    await until(() => duplex.closed);
    expect(events).toEqual([...(sent === '' ? [] : [sent]), ...FAILED]);
  });

  it('ends, and does not fail, if the peer announces its end', async () => {
    const { stream, peer } = bareEndingPair();
    const duplex = toDuplex(peer);
    const events = eventsOf(duplex);
    duplex.on('data', (chunk) => events.push(text(chunk)));
    await stream.write('whole');
    stream.endWrite();
    await once(duplex, 'end');
    duplex.end();
    await until(() => duplex.closed);
    expect(events).toEqual(['whole', 'end', 'close']);
  });
});

describe('toWeb, if the peer ends without close_notify', () => {
  it('fails the readable stream after the bytes that arrived, and not the writable one', async () => {
    const { stream, peer } = bareEndingPair();
    const { readable, writable } = toWeb(stream);
    const reader = readable.getReader();
    await peer.write('half');
    peer.endWrite();
    expect(text((await reader.read()).value as Uint8Array)).toBe('half');
    await expect(reader.read()).rejects.toMatchObject(TRUNCATED);
    await expect(reader.closed).rejects.toMatchObject(TRUNCATED);
    const writer = writable.getWriter();
    await writer.write(Buffer.from('response'));
    expect(text(await peer.readBytes(8))).toBe('response');
    expect(stream.isClosed).toBe(false);
    await writer.close();
    await stream.waitClosed();
    expect(stream.closeReason).toBe('peer-ended');
  });

  it('closes the connection if the writable stream was closed before', async () => {
    const { stream, peer } = bareEndingPair();
    const { readable, writable } = toWeb(stream);
    await writable.getWriter().close();
    peer.endWrite();
    await expect(readable.getReader().read()).rejects.toMatchObject(TRUNCATED);
    await stream.waitClosed();
  });

  it('fails a pipe, whose target is aborted', async () => {
    const { stream, peer } = bareEndingPair();
    await peer.write('half');
    peer.endWrite();
    const heard: unknown[] = [];
    const target = new WritableStream<Uint8Array>({
      write: (chunk) => void heard.push(text(chunk)),
      close: () => void heard.push('closed'),
      abort: (reason) => void heard.push((reason as { code?: unknown }).code),
    });
    await expect(toWeb(stream).readable.pipeTo(target as never)).rejects.toMatchObject(TRUNCATED);
    expect(heard).toEqual(['half', 'ERR_STREAM_TLS_TRUNCATED']);
  });
});
