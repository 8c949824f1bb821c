import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { Http1ProtocolError } from '../grammar/errors.ts';
import { HEAD } from './events.ts';
import { ScanView } from './field-scanner.ts';
import { RequestDecoder } from './request-decoder.ts';

/** The value of `X` as the decoder took it, or the code with which it refused the head. */
function decode(prefix: string, value: string, padding: string, offset: number): string {
  const decoder = new RequestDecoder();
  const head = `GET / HTTP/1.1\r\nHost: a\r\n${prefix}X: ${value}\r\n${padding}\r\n`;
  // The bytes around it are no part of the head, and would be refused.
  const bytes = Buffer.concat([Buffer.alloc(offset, 0), Buffer.from(head, 'latin1'), Buffer.alloc(3, 0)]);
  decoder.receive(bytes, offset, bytes.length - 3);
  try {
    expect(decoder.next()).toBe(HEAD);
  } catch (error) {
    if (error instanceof Http1ProtocolError) return error.code;
    throw error;
  }
  return decoder.head.headers.get('x') ?? 'none';
}

describe('the words of a field value', () => {
  it('takes and refuses each byte alike wherever it stands, in a short head and in a long one', () => {
    const padding = `Y: ${'y'.repeat(300)}\r\n`;
    for (let byte = 0; byte < 256; byte += 1) {
      const allowed = byte === 9 || (byte >= 0x20 && byte !== 0x7f);
      for (let at = 0; at < 17; at += 1) {
        const value = `[${'a~'.repeat(8).slice(0, at)}${String.fromCharCode(byte)}${' z'.repeat(4)}]`;
        const wanted = allowed ? value : 'ERR_HTTP1_BAD_HEADER';
        expect([
          decode('', value, '', at),
          decode('', value, padding, at),
          decode(padding, value, '', at),
        ]).toEqual([wanted, wanted, wanted]);
      }
    }
  });

  it('takes high bytes side by side, and what follows a tab', () => {
    for (const value of ['\xff'.repeat(40), '\x80\x7e\x80\x7e'.repeat(9), `a\t${'b'.repeat(60)}\t\xa0c`]) {
      expect(decode('', value, `Y: ${'y'.repeat(300)}\r\n`, 1)).toBe(value);
    }
  });

  it.each([
    ['views of their own', undefined],
    ['a view that they share', new ScanView()],
  ])('reads long heads that come in buffers in turn, with %s', (_, view) => {
    const pool = Buffer.alloc(4096);
    for (let turn = 0; turn < 8; turn += 1) {
      for (const start of [0, 1024, 2048]) {
        const value = `${turn}${start}`.padEnd(300, String.fromCharCode(0x41 + turn));
        const part = pool.subarray(start, start + 1024);
        const end = part.write(`GET / HTTP/1.1\r\nHost: a\r\nX: ${value}\r\n\r\n`, 'latin1');
        const decoder = new RequestDecoder(undefined, view);
        decoder.receive(part, 0, end);
        expect(decoder.next()).toBe(HEAD);
        expect(decoder.head.headers.get('x')).toBe(value);
      }
    }
  });
});
