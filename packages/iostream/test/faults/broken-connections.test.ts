import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { IOLoop } from '@landspout/ioloop';
import { describe, expect, it } from 'vitest';
import { connect } from '../../src/transports/index.ts';
import { text } from '../support/stream-pair.ts';
import { openDescriptors, until, untilDescriptorsAre } from '../support/until.ts';
import { connectToRawPeer, failureOf, peerSends, turns } from './support/raw-peer.ts';

const HOST = '127.0.0.1';
/** Made before descriptors are counted: it has one or two of its own. */
const thisLoop = IOLoop.current();
/** More than the systems of both ends take. */
const MUCH = Buffer.alloc(24 * 1024 * 1024, 'm');

const broken = (code: string, syscall: string) => ({
  name: 'StreamClosedError',
  code: 'ERR_STREAM_CLOSED',
  cause: { name: 'SystemError', code, syscall },
});

describe('IOStream, reset by its peer', () => {
  it.each([
    ['readBytes', (stream: Stream) => stream.readBytes(10)],
    ['readInto', (stream: Stream) => stream.readInto(new Uint8Array(10))],
    ['readUntil', (stream: Stream) => stream.readUntil('\n')],
    ['readUntilRegex', (stream: Stream) => stream.readUntilRegex(/x+$/)],
    ['a line', (stream: Stream) => stream.lines().next()],
    ['a chunk', (stream: Stream) => stream.chunks().next()],
    ['a record', (stream: Stream) => stream.records(10).next()],
  ])('fails %s that waits, with ECONNRESET as the cause [STR-12]', async (_name, read) => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    const failure = failureOf(read(stream) as Promise<unknown>);
    await turns(3);
    peer.resetAndDestroy();
    expect(await failure).toMatchObject(broken('ECONNRESET', 'recv'));
    expect([stream.isClosed, stream.isEnded, stream.isReading]).toEqual([true, false, false]);
    expect(stream.closeReason).toBe('peer-reset');
    expect(stream.error).toBe(((await failure) as Error).cause);
  });

  it('gives readUntilClose what had come [STR-05]', async () => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    const read = stream.readUntilClose();
    await peerSends(peer, 'all that came');
    await until(() => stream.bytesReceived === 13);
    peer.resetAndDestroy();
    expect(text(await read)).toBe('all that came');
    expect([stream.closeReason, (stream.error as { code?: string }).code]).toEqual([
      'peer-reset',
      'ECONNRESET',
    ]);
  });

  it('serves reads from what had come before, and fails those after [STR-05]', async () => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    await peerSends(peer, 'line\nrest');
    expect(text(await stream.readBytes(1))).toBe('l');
    peer.resetAndDestroy();
    await stream.waitClosed();
    expect(text(await stream.readUntil('\n'))).toBe('ine\n');
    expect(await failureOf(stream.readBytes(5))).toMatchObject(broken('ECONNRESET', 'recv'));
    expect(text(await stream.readUntilClose())).toBe('rest');
    expect(text(await stream.readUntilClose())).toBe('');
  });

  it('fails writes that wait, and takes no more [STR-08] [STR-12]', async () => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    const written = failureOf(stream.write(MUCH));
    const drained = failureOf(stream.waitDrained());
    await until(() => stream.bytesSent > 0);
    peer.resetAndDestroy();
    expect(await written).toMatchObject(broken('ECONNRESET', 'send'));
    expect(await drained).toMatchObject(broken('ECONNRESET', 'send'));
    await stream.waitClosed();
    expect([stream.closeReason, stream.isWritable]).toEqual(['peer-reset', false]);
    expect(await failureOf(stream.write('more'))).toMatchObject(broken('ECONNRESET', 'send'));
    stream.send('more');
    expect(stream.queuedBytes).toBe(0);
  });

  it('fails a read and a write that wait together, each once, with one cause [STR-10]', async () => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    const failures = [failureOf(stream.write(MUCH)), failureOf(stream.readBytes(1))];
    await until(() => stream.bytesSent > 0);
    peer.resetAndDestroy();
    const [write, read] = (await Promise.all(failures)) as [Error, Error];
    expect(write).toMatchObject({ code: 'ERR_STREAM_CLOSED', cause: { code: 'ECONNRESET' } });
    expect(read.cause).toBe(write.cause);
  });

  it('is told of it while it only watches for the end [STR-11]', async () => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    const called = new Promise<void>((resolve) => stream.setCloseCallback(resolve));
    peer.resetAndDestroy();
    await called;
    expect(stream.error).toMatchObject({ code: 'ECONNRESET' });
  });
});

describe('IOStream, whose peer takes nothing any more', () => {
  it('fails a write with EPIPE as the cause [STR-12]', async () => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    peer.destroy();
    await once(peer, 'close');
    // The first one is answered with a reset.
    await stream.write('is anybody there?');
    await turns(3);
    expect(await failureOf(stream.write('is anybody there?'))).toMatchObject(broken('EPIPE', 'send'));
    await stream.waitClosed();
    expect(stream.closeReason).toBe('peer-reset');
  });

  it('closes when the end of the peer was read before, and a write is answered with a reset', async () => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    peer.destroy();
    expect(text(await stream.readUntilClose())).toBe('');
    expect(stream.isClosed).toBe(false);
    void stream.write('is anybody there?');
    await turns(3);
    void stream.write('is anybody there?');
    await stream.waitClosed();
    expect([stream.closeReason, (stream.error as { code?: string }).code]).toEqual(['peer-reset', 'EPIPE']);
  });

  it('fails a write past the end of our own side without a cause, and goes on', async () => {
    await using connection = await connectToRawPeer();
    const { stream, peer } = connection;
    stream.endWrite();
    expect(await failureOf(stream.write('late'))).toMatchObject({
      code: 'ERR_STREAM_CLOSED',
      cause: undefined,
    });
    await peerSends(peer, 'still here');
    expect(text(await stream.readBytes(10))).toBe('still here');
  });
});

describe('connect', () => {
  it('fails with ECONNRESET when the peer resets before anybody has noticed the connection', async () => {
    const before = openDescriptors();
    const server = createServer().listen(0, HOST);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const connecting = failureOf(connect(thisLoop, { address: HOST, port }));
    // Node's sockets connect in a tick. The system has made the connection then, and a listener that closes resets it.
    await new Promise<void>((resolve) => process.nextTick(resolve));
    server.close();
    expect(await connecting).toMatchObject({
      name: 'SystemError',
      code: 'ECONNRESET',
      syscall: 'connect',
      address: `${HOST}:${port}`,
    });
    await untilDescriptorsAre(before);
  });

  it('leaves nothing open when it is aborted while the system connects', async () => {
    const server = createServer((socket) => socket.on('error', () => {}).resume()).listen(0, HOST);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const before = openDescriptors();
    const controller = new AbortController();
    const connecting = failureOf(connect(thisLoop, { address: HOST, port }, controller.signal));
    await new Promise<void>((resolve) => process.nextTick(resolve));
    const reason = new Error('never mind');
    controller.abort(reason);
    expect(await connecting).toBe(reason);
    // The server's end too goes when ours has.
    await untilDescriptorsAre(before);
    server.close();
  });

  it('fails with ECONNREFUSED at a port without a listener, and leaves nothing open', async () => {
    const server = createServer().listen(0, HOST);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const before = openDescriptors();
    expect(await failureOf(connect(thisLoop, { address: HOST, port }))).toMatchObject({
      name: 'SystemError',
      code: 'ECONNREFUSED',
      syscall: 'connect',
    });
    await untilDescriptorsAre(before);
  });
});

type Stream = Awaited<ReturnType<typeof connectToRawPeer>>['stream'];
