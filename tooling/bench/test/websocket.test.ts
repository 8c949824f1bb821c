import { constants, deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { checkReply, frameOf, framesOf, messageText, upgradeText } from '../websocket.mjs';

const HEAD = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n';
const DEFLATE = HEAD.replace('\r\n\r\n', '\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n');
const ECHO = { mode: 'echo', connections: 1, messageBytes: 1024 };
const reply = (head: string, frame: Uint8Array) => Buffer.concat([Buffer.from(head), frame]);

describe('frameOf', () => {
  it('makes the masked text of RFC 6455 §5.7', () => {
    const frame = frameOf({ flags: 0x81, payload: Buffer.from('Hello'), isMasked: true });
    expect(frame.toString('hex')).toBe('818537fa213d7f9f4d5158');
  });

  it.each([
    [125, '827d'],
    [126, '827e007e'],
    [65_535, '827effff'],
    [65_536, '827f0000000000010000'],
  ])('writes the length %i in as few bytes as there can be', (length, head) => {
    const frame = frameOf({ flags: 0x82, payload: Buffer.alloc(length) });
    expect(frame.toString('hex', 0, frame.length - length)).toBe(head);
  });
});

describe('upgradeText', () => {
  it('offers permessage-deflate only where it is measured', () => {
    expect(upgradeText({ port: 80 })).not.toContain('Extensions');
    expect(upgradeText({ port: 80 }, 'browser')).toContain(
      'permessage-deflate; client_max_window_bits\r\n\r\n',
    );
  });
});

describe('checkReply', () => {
  it('says how long a reply is, and how it is compressed', () => {
    const { expected } = framesOf(ECHO);
    expect(checkReply(reply(HEAD, expected), ECHO)).toBe('1028 B');
    const deflated = deflateRawSync(messageText(1024), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(
      0,
      -4,
    );
    const frame = frameOf({ flags: 0xc1, payload: deflated });
    const browser = { ...ECHO, offer: 'browser' };
    expect(checkReply(reply(DEFLATE, frame), browser)).toBe(`${frame.length} B; context takeover`);
    const bare = DEFLATE.replace('deflate', 'deflate; server_no_context_takeover');
    expect(checkReply(reply(bare, expected), browser)).toBe(
      '1028 B, not compressed; server_no_context_takeover',
    );
  });

  it.each([
    ['another message', HEAD, frameOf({ flags: 0x81, payload: Buffer.alloc(1024) }), ECHO, 'not the message'],
    ['a binary message', HEAD, framesOf({ ...ECHO, isBinary: true }).expected, ECHO, 'not the message'],
    ['an offer that was refused', HEAD, framesOf(ECHO).expected, { ...ECHO, offer: 'alike' }, 'not accepted'],
    [
      'context takeover if none was offered',
      DEFLATE,
      framesOf(ECHO).expected,
      { ...ECHO, offer: 'alike' },
      'was offered, and',
    ],
    ['what was not offered', DEFLATE, framesOf(ECHO).expected, ECHO, 'not offered'],
  ])('refuses %s', (_name, head, frame, load, message) => {
    expect(() => checkReply(reply(head, frame), load)).toThrow(message);
  });
});
