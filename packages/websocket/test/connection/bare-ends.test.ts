import { createHash } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeIdentity } from '../../../httpclient/test/fixtures/certificates.ts';
import { CuttableTls } from '../../../iostream/test/support/bare-ends.ts';
import { websocketConnect } from '../../src/index.ts';
import { MASK, upgradeText } from '../fixtures/raw-client.ts';
import { RecordingHandler } from '../fixtures/recording-handler.ts';
import { type Running, until, withApp } from '../fixtures/running-application.ts';
import { close, encode, fragments, type WireFrame } from '../fixtures/wire-frames.ts';

const identity = makeIdentity('DNS:localhost,IP:127.0.0.1');

const open: { close(): unknown }[] = [];
beforeEach(() => RecordingHandler.reset());
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

/** Frames as text (latin1), masked if they are a client's. */
const wire = (frames: readonly WireFrame[], key?: Uint8Array): string =>
  Buffer.concat(frames.map((one) => encode(one, key))).toString('latin1');

/** A message in two fragments. */
const HELLO = fragments(1, 'hello', 3);

/** A server of ours, and a client of node:tls whose TCP connection the test ends by itself. */
function served(use: (client: CuttableTls, running: Running) => Promise<void>): Promise<void> {
  return withApp(
    [['/', RecordingHandler]],
    async (running) => {
      const socket = connect({ host: '127.0.0.1', port: running.port, allowHalfOpen: true });
      const client = await CuttableTls.connect(socket, { ca: identity.cert });
      open.push(client);
      await client.send(upgradeText('/'));
      await client.until(/101 Switching Protocols.*\r\n\r\n/s);
      await until(() => RecordingHandler.opened.length === 1);
      await use(client, running);
    },
    { tls: identity },
  );
}

/** A client of ours, and a server of node:tls whose TCP connection the test ends by itself. */
async function connected() {
  let server!: CuttableTls;
  const listener = createServer({ allowHalfOpen: true }, (socket) => {
    server = CuttableTls.accept(socket, identity);
    void server.until(/\r\n\r\n/).then((request) => {
      const key = /^Sec-WebSocket-Key: (.*)\r$/im.exec(request)?.[1];
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      const fields = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n`;
      return server.send(`HTTP/1.1 101 Switching Protocols\r\n${fields}\r\n`);
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  open.push(listener);
  const { port } = listener.address() as { port: number };
  const connection = await websocketConnect(`wss://127.0.0.1:${port}/`, { tls: { ca: identity.cert } });
  open.push(server, { close: () => connection.abort() });
  return { connection, server };
}

describe('a WebSocket whose peer ends TLS without close_notify', () => {
  it('closes with 1006 on the server, which is not called with half a message', () =>
    served(async (client, { log }) => {
      await client.send(wire(HELLO, MASK));
      await client.send(wire(HELLO.slice(0, 1), MASK));
      client.endBare();
      const handler = RecordingHandler.only;
      await until(() => handler.closes > 0);
      expect(handler.calls).toEqual(['open', 'message hello', 'close']);
      expect([handler.closeCode, handler.closeError]).toEqual([1006, undefined]);
      expect(log.problems).toEqual([]);
    }));

  it('closes quietly on the server after a close frame, which it answers', () =>
    served(async (client, { log }) => {
      await client.send(wire([...HELLO, close(4000, 'bye')], MASK));
      client.endBare();
      const handler = RecordingHandler.only;
      await until(() => handler.closes > 0);
      expect([handler.closeCode, handler.closeReason, handler.closeError]).toEqual([4000, 'bye', undefined]);
      // The code is 4000 (0x0fa0).
      expect(await client.untilEnd()).toContain('\x88\x02\x0f\xa0');
      expect(log.problems).toEqual([]);
    }));

  it('closes with 1006 on the client, which does not read half a message', async () => {
    const { connection, server } = await connected();
    await server.send(wire(HELLO));
    expect(await connection.readMessage()).toBe('hello');
    await server.send(wire(HELLO.slice(0, 1)));
    server.endBare();
    expect(await connection.readMessage()).toBeNull();
    await connection.waitClosed();
    expect([connection.closeCode, connection.closeError]).toEqual([1006, undefined]);
  });

  it('closes quietly on the client after a close frame, which it answers', async () => {
    const { connection, server } = await connected();
    await server.send(wire([...HELLO, close(4000, 'bye')]));
    server.endBare();
    await connection.waitClosed();
    expect(await connection.readMessage()).toBe('hello');
    expect([connection.closeCode, connection.closeReason]).toEqual([4000, 'bye']);
    expect(connection.closeError).toBeUndefined();
    await server.until(/\x88\x82/);
    expect(server.received).toMatch(/\x88\x82.{6}$/s);
  });

  it.each(Array.from({ length: 12 }, (_, cut) => cut))(
    'delivers a message to the server only if all of it was sent, cut after %i of its 11 bytes',
    (cut) =>
      served(async (client) => {
        const message = wire(fragments(1, 'hello', 5), MASK);
        expect(message).toHaveLength(11);
        if (cut > 0) await client.send(message.slice(0, cut));
        client.endBare();
        const handler = RecordingHandler.only;
        await until(() => handler.closes > 0);
        const delivered = cut === 11 ? ['message hello'] : [];
        expect(handler.calls).toEqual(['open', ...delivered, 'close']);
        expect(handler.closeCode).toBe(1006);
      }),
  );
});
