import { describe, expect, it } from 'vitest';
import { decodeLog, pull } from '../../../testdata/pump-decoder.ts';
import { CLOSE, FrameDecoder, MESSAGE, NEED_DATA, PING } from './frame-decoder.ts';
import { encodeClose, encodeFrame, encodeFrameHead, encodeMessage, encodePing } from './frame-encoder.ts';
import { OPCODES } from './frame-head.ts';

const KEY = Uint8Array.of(0x37, 0xfa, 0x21, 0x3d);

function lend(decoder: FrameDecoder, bytes: Buffer): void {
  decoder.receive(bytes, 0, bytes.length);
}

describe('FrameDecoder', () => {
  it('asks for data before there is any', () => {
    expect(new FrameDecoder({ role: 'server' }).next()).toBe(NEED_DATA);
  });

  it('gives text as a string and bytes as a Uint8Array with an ArrayBuffer of its own [WS-10]', () => {
    const decoder = new FrameDecoder({ role: 'client' });
    lend(decoder, Buffer.concat([encodeMessage('hi'), encodeMessage(Uint8Array.of(1, 2))]));
    expect(decoder.next()).toBe(MESSAGE);
    expect(decoder.message).toBe('hi');
    expect(decoder.next()).toBe(MESSAGE);
    expect(decoder.message).toEqual(Uint8Array.of(1, 2));
    expect((decoder.message as Uint8Array).buffer.byteLength).toBe(2);
  });

  it('gives bytes that came in several pieces an ArrayBuffer of exactly their length', () => {
    const payload = new Uint8Array(310).fill(7);
    const wire = Buffer.concat([
      encodeFrame(OPCODES.binary, payload.subarray(0, 300), { fin: false }),
      encodeFrame(OPCODES.continuation, payload.subarray(300)),
    ]);
    const decoder = new FrameDecoder({ role: 'client' });
    lend(decoder, wire);
    expect(decoder.next()).toBe(MESSAGE);
    expect(decoder.message).toEqual(payload);
    expect((decoder.message as Uint8Array).buffer.byteLength).toBe(310);
  });

  it('lets go of a message with the next call, so that an idle connection holds none', () => {
    const decoder = new FrameDecoder({ role: 'client' });
    lend(decoder, encodeMessage(new Uint8Array(10)));
    decoder.next();
    expect(decoder.next()).toBe(NEED_DATA);
    expect(decoder.message).toBe('');
  });

  it('gives control payloads that outlive the lent bytes [WS-13]', () => {
    const decoder = new FrameDecoder({ role: 'server' });
    const lent = encodePing('ping', KEY);
    lend(decoder, lent);
    expect(decoder.next()).toBe(PING);
    const { payload } = decoder;
    lent.fill(0);
    expect(Buffer.from(payload).toString()).toBe('ping');
  });

  it('ignores what follows a close frame, however it comes [WS-15]', () => {
    const decoder = new FrameDecoder({ role: 'server' });
    lend(decoder, Buffer.concat([encodeClose(1001, 'away', KEY), encodeMessage('late', KEY)]));
    expect(decoder.next()).toBe(CLOSE);
    expect([decoder.closeCode, decoder.closeReason, decoder.isEnded]).toEqual([1001, 'away', true]);
    expect(decoder.next()).toBe(NEED_DATA);
    lend(decoder, Buffer.from([0xff, 0xff]));
    lend(decoder, Buffer.from([0xff, 0xff]));
    expect(decoder.next()).toBe(NEED_DATA);
  });

  it('ignores what follows an error [WS-11]', () => {
    const decoder = new FrameDecoder({ role: 'server' });
    lend(decoder, Buffer.concat([Buffer.from([0xff, 0xff]), encodeMessage('late', KEY)]));
    expect(() => decoder.next()).toThrow(expect.objectContaining({ closeCode: 1002 }));
    expect([decoder.next(), decoder.isEnded, decoder.closeCode]).toEqual([NEED_DATA, true, undefined]);
    lend(decoder, encodeMessage('later', KEY));
    expect(decoder.next()).toBe(NEED_DATA);
  });

  it('refuses a wrong head before the rest of it is there [ATT-64]', () => {
    expect(decodeLog([Buffer.from([0xc1, 0x80])], { role: 'server' })).toEqual([
      'error ERR_WEBSOCKET_RESERVED_BITS 1002',
    ]);
  });

  it('refuses bad text before the frame is complete [WS-12 ATT-65]', () => {
    const wire = Buffer.concat([encodeFrameHead(OPCODES.text, 1000), Buffer.from([0x61, 0xc0])]);
    expect(decodeLog([wire], { role: 'client' })).toEqual(['error ERR_WEBSOCKET_BAD_UTF8 1007']);
  });

  it.each([
    { maxMessageBytes: 0 },
    { maxMessageBytes: Number.POSITIVE_INFINITY },
    { maxMessageBytes: 1.5 },
    { maxMessageBytes: 2 ** 31 },
    { maxFragments: 0 },
    { maxFragments: Number.NaN },
  ])('refuses the limit %j', (limits) => {
    expect(() => new FrameDecoder({ role: 'server', ...limits })).toThrow(
      expect.objectContaining({ code: 'ERR_WEBSOCKET_BAD_OPTION', name: 'WebSocketUsageError' }),
    );
  });

  it('allows 10 MiB and 10,000 fragments by default [WS-14]', () => {
    const exact = encodeFrameHead(OPCODES.binary, 10 * 1024 * 1024);
    expect(decodeLog([exact], { role: 'client' })).toEqual([]);
    const over = encodeFrameHead(OPCODES.binary, 10 * 1024 * 1024 + 1);
    expect(decodeLog([over], { role: 'client' })).toEqual(['error ERR_WEBSOCKET_MESSAGE_TOO_BIG 1009']);
    const fragments = Buffer.alloc(2 * 10_000);
    fragments[0] = OPCODES.binary;
    expect(decodeLog([fragments], { role: 'client' })).toEqual([]);
    const oneMore = Buffer.concat([fragments, Buffer.alloc(2)]);
    expect(decodeLog([oneMore], { role: 'client' })).toEqual(['error ERR_WEBSOCKET_TOO_MANY_FRAGMENTS 1008']);
  });
});

describe('FrameDecoder.hold', () => {
  it('keeps what is unread when the lender takes its bytes back', () => {
    const decoder = new FrameDecoder({ role: 'server' });
    const lent = Buffer.concat([encodeMessage('one', KEY), encodeMessage('two', KEY), encodePing('3', KEY)]);
    lend(decoder, lent);
    expect(decoder.next()).toBe(MESSAGE);
    decoder.hold();
    lent.fill(0xaa);
    const log: string[] = [];
    pull(decoder, log);
    expect(log).toEqual(['text "two"', 'ping "3"']);
    lend(decoder, encodeMessage('four', KEY));
    pull(decoder, log);
    expect(log.at(-1)).toBe('text "four"');
  });

  it('keeps a frame that is cut short, and may be called again', () => {
    const decoder = new FrameDecoder({ role: 'server' });
    const wire = Buffer.concat([encodeMessage('one', KEY), encodeMessage('two', KEY)]);
    const lent = Buffer.from(wire.subarray(0, -1));
    lend(decoder, lent);
    decoder.hold();
    lent.fill(0xaa);
    expect(decoder.next()).toBe(MESSAGE);
    decoder.hold();
    expect(decoder.next()).toBe(NEED_DATA);
    decoder.hold();
    lend(decoder, wire.subarray(-1));
    expect(decoder.next()).toBe(MESSAGE);
    expect(decoder.message).toBe('two');
  });

  it('does not let more be lent while bytes are unread', () => {
    const decoder = new FrameDecoder({ role: 'server' });
    lend(decoder, encodeMessage('one', KEY));
    decoder.hold();
    expect(() => lend(decoder, encodeMessage('two', KEY))).toThrow(
      expect.objectContaining({ code: 'ERR_WEBSOCKET_UNREAD_INPUT' }),
    );
    expect(decoder.next()).toBe(MESSAGE);
    expect(decoder.message).toBe('one');
  });
});
