import { IOStream } from '@landspout/iostream';
import { memoryPair } from '@landspout/iostream/transports';
import { describe, expect, it } from 'vitest';
import { resolveWebSocketOptions, WebSocketConnection } from '../../src/connection/index.ts';
import { PreparedMessage } from '../../src/index.ts';
import { encodeClose, encodeMessage } from '../../src/protocol/index.ts';
import { MASK } from '../fixtures/raw-client.ts';
import { until } from '../fixtures/running-application.ts';

/** A connection without a real delegate, and the other end of its stream. */
function open(role: 'client' | 'server') {
  const [near, far] = memoryPair();
  const heard = { closes: 0 };
  const delegate = {
    messageReceived() {},
    pingReceived() {},
    pongReceived() {},
    connectionClosed() {
      heard.closes += 1;
    },
    callbackFailed(error: unknown) {
      throw error;
    },
  };
  const settings = resolveWebSocketOptions({ randomBytes: () => MASK });
  const connection = new WebSocketConnection(new IOStream(near), role, delegate, settings);
  connection.start();
  return { connection, heard, peer: new IOStream(far) };
}

describe('WebSocketConnection', () => {
  it('answers a close frame behind all that is queued, although the server has ended TCP [WS-15]', async () => {
    const { connection, heard, peer } = open('client');
    const message = new Uint8Array(1_000_000);
    void connection.writeMessage(message);
    void peer.write(encodeClose(1001, 'moving'));
    peer.endWrite();
    await until(() => connection.closeCode === 1001);
    // The end of the stream follows the close frame, while most of the message is still queued here.
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(connection.queuedBytes).toBeGreaterThan(0);
    const received = await peer.readUntilClose();
    const expected = Buffer.concat([encodeMessage(message, MASK), encodeClose(1001, '', MASK)]);
    expect(received.equals(expected)).toBe(true);
    peer.close();
    await until(() => heard.closes > 0);
    expect([connection.closeCode, connection.closeReason, connection.closeError]).toEqual([
      1001,
      'moving',
      undefined,
    ]);
  });

  it('masks a prepared message anew for each client [WS-10]', async () => {
    const { connection, peer } = open('client');
    expect(connection.sendMessage(new PreparedMessage('x'))).toBe(true);
    expect(await peer.readBytes(7)).toEqual(encodeMessage('x', MASK));
    connection.abort();
  });

  it('hears of a stream that had ended before it, once [WS-15, ATT-76]', async () => {
    const [near, far] = memoryPair();
    const stream = new IOStream(near);
    new IOStream(far).reset();
    stream.close();
    await stream.waitClosed();
    let closes = 0;
    const delegate = {
      messageReceived() {},
      pingReceived() {},
      pongReceived() {},
      connectionClosed() {
        closes += 1;
      },
      callbackFailed() {},
    };
    const connection = new WebSocketConnection(stream, 'server', delegate, resolveWebSocketOptions());
    connection.start();
    await until(() => closes > 0);
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect([closes, connection.closeCode]).toEqual([1, 1006]);
    await expect(connection.writeMessage('x')).rejects.toMatchObject({ code: 'ERR_WEBSOCKET_CLOSED' });
  });
});
