import { randomBytes } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { broadcast, WebSocketProtocolError, websocketConnect } from '../../src/index.ts';
import {
  encodeClose,
  encodeFrame,
  encodeMessage,
  encodePing,
  encodePong,
  OPCODES,
} from '../../src/protocol/index.ts';
import { MASK, RawClient, upgradeText } from '../fixtures/raw-client.ts';
import { RecordingHandler } from '../fixtures/recording-handler.ts';
import { until, withApp } from '../fixtures/running-application.ts';

beforeEach(() => RecordingHandler.reset());

const OFFER = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
const LARGE = randomBytes(90_000).toString('base64');

class Compressing extends RecordingHandler {
  override connectionOptions() {
    return { compression: true };
  }
}

const deflated = (text: string) =>
  deflateRawSync(text, { finishFlush: 2 /* Z_SYNC_FLUSH */ }).subarray(0, -4);
const compressedFrame = (text: string) =>
  encodeFrame(OPCODES.text, deflated(text), { isCompressed: true, maskKey: MASK });

/** Opens a connection without reading its frames, and returns the bytes that follow the head of the response. */
async function openRaw(port: number) {
  const client = await RawClient.ask(port, upgradeText('/', OFFER), { keepsBytes: true });
  expect(client.field('Sec-WebSocket-Extensions')).toContain('permessage-deflate');
  return client;
}

/** A compressed message in two frames, with other frames in between. */
function inTwoFrames(text: string, ...between: Buffer[]): Buffer {
  const payload = deflated(text);
  const half = payload.length >> 1;
  const first = { fin: false, isCompressed: true, maskKey: MASK };
  return Buffer.concat([
    encodeFrame(OPCODES.text, payload.subarray(0, half), first),
    ...between,
    encodeFrame(OPCODES.continuation, payload.subarray(half), { maskKey: MASK }),
  ]);
}

/** Sets RSV1 in a frame that must not have it. */
function withReservedBit(frame: Buffer): Buffer {
  frame[0] = (frame[0] as number) | 0x40;
  return frame;
}

describe('a compressed message', () => {
  class Quiet extends Compressing {
    override onMessage(message: string | Uint8Array): void {
      this.calls.push(`message ${message.slice(0, 40)}`);
    }
  }

  it('stays intact if a control frame is between its fragments [WS-19] [ATT-67]', () =>
    withApp([['/', Quiet]], async ({ port }) => {
      const client = await openRaw(port);
      client.send(inTwoFrames('as it was', encodePing('p', MASK), encodePong('q', MASK)));
      const handler = RecordingHandler.only;
      await until(() => handler.calls.length === 4);
      expect(handler.calls).toEqual(['open', 'ping p', 'pong q', 'message as it was']);
      client.socket.destroy();
    }));

  it.each([
    [
      'RSV1 in a ping between fragments [WS-19] [ATT-68]',
      inTwoFrames('x', withReservedBit(encodePing('', MASK))),
      1002,
    ],
    [
      'RSV1 in a continuation [WS-19] [ATT-68]',
      Buffer.concat([
        encodeFrame(OPCODES.text, deflated('x'), { fin: false, isCompressed: true, maskKey: MASK }),
        withReservedBit(encodeFrame(OPCODES.continuation, '', { maskKey: MASK })),
      ]),
      1002,
    ],
    [
      'broken data [WS-19] [ATT-68]',
      encodeFrame(OPCODES.text, Buffer.from('not deflate at all'), { isCompressed: true, maskKey: MASK }),
      1007,
    ],
    [
      'text that is not UTF-8 [WS-12]',
      encodeFrame(OPCODES.text, deflateRawSync(Buffer.of(0xc3, 0x28), { finishFlush: 2 }).subarray(0, -4), {
        isCompressed: true,
        maskKey: MASK,
      }),
      1007,
    ],
    ['a bomb [WS-18] [ATT-28]', compressedFrame('0'.repeat(11 * 1024 * 1024)), 1009],
  ])('with %s closes the connection, once', (_, bytes, code) =>
    withApp([['/', Quiet]], async ({ port, log }) => {
      const client = await openRaw(port);
      const handler = RecordingHandler.only;
      client.send(bytes);
      await client.until(() => client.ended);
      expect(Buffer.concat(client.bytes).readUInt16BE(2)).toBe(code);
      client.socket.destroy();
      await until(() => handler.closes > 0);
      expect(handler.calls.filter((call) => call.startsWith('message'))).toEqual([]);
      expect([handler.closes, handler.closeCode, log.problems]).toEqual([1, 1006, []]);
    }),
  );
});

describe('a reply that is being compressed', () => {
  class Replying extends Compressing {
    override onMessage(): void {
      void this.writeMessage(LARGE);
    }
  }

  it.each([
    ['a close frame', encodeClose(1000, '', MASK), 1000],
    ['a bad frame', encodeMessage('not masked'), 1002],
  ])('is sent although %s was in the same packet [WS-15] [ATT-64]', (_, end, code) =>
    withApp([['/', Replying]], async ({ port }) => {
      const client = await openRaw(port);
      client.send(Buffer.concat([encodeMessage('go', MASK), end]));
      await client.until(() => client.ended);
      const bytes = Buffer.concat(client.bytes);
      // One compressed frame with a 64-bit length, and then the close frame.
      expect([bytes[0], bytes[1]]).toEqual([0xc1, 127]);
      const length = Number(bytes.readBigUInt64BE(2));
      const payload = Buffer.concat([bytes.subarray(10, 10 + length), Buffer.from([0, 0, 255, 255])]);
      expect(inflateRawSync(payload, { finishFlush: 2 }).toString()).toBe(LARGE);
      expect(bytes.readUInt16BE(10 + length + 2)).toBe(code);
      client.socket.destroy();
    }),
  );
});

describe('an error that the program throws', () => {
  it.each([
    ['small', 'short'],
    ['large', 'x'.repeat(500_000)],
  ])('closes with 1011 and is logged, however it looks, after a %s compressed message [WS-06]', (_, text) => {
    class Relay extends Compressing {
      override onMessage(): void {
        throw new WebSocketProtocolError('ERR_WEBSOCKET_BAD_UTF8', 'of another connection');
      }
    }
    return withApp([['/', Relay]], async ({ port, log }) => {
      const client = await openRaw(port);
      client.send(compressedFrame(text));
      await client.until(() => client.bytes.length > 0);
      expect(client.bytes[0]?.readUInt16BE(2)).toBe(1011);
      await until(() => log.problems.length > 0);
      expect(String(log.problems[0]?.error)).toContain('of another connection');
      client.socket.destroy();
    });
  });
});

describe('a broadcast that is being compressed', () => {
  it('reaches all others if the first receiver leaves meanwhile [WS-04] [WS-17]', () =>
    withApp([['/', Compressing]], async ({ port }) => {
      const url = `ws://127.0.0.1:${port}/`;
      const connect = () => websocketConnect(url, { compression: true });
      const clients = [await connect(), await connect(), await connect()];
      await until(() => RecordingHandler.opened.length === 3);
      const handlers = [...RecordingHandler.opened];
      expect(broadcast(handlers, LARGE)).toBe(3);
      handlers[0]?.abort();
      for (const client of clients.slice(1)) {
        expect(await client.readMessage()).toBe(LARGE);
        expect(client.isOpen).toBe(true);
        client.abort();
      }
      clients[0]?.abort();
    }));
});
