import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import type { RequestHead } from '../../delegate.ts';
import { Http1ProtocolError, Http1UsageError } from '../grammar/errors.ts';
import { DATA, END, HEAD, NEED_DATA } from './events.ts';
import { RequestDecoder } from './request-decoder.ts';

const GET = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n';
const UPLOAD = 'POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello';
const CHUNKED = 'POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';

function lend(decoder: RequestDecoder, text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  decoder.receive(bytes, 0, bytes.length);
  return bytes;
}

function dataOf(decoder: RequestDecoder): string {
  return decoder.data.toString('latin1', decoder.dataStart, decoder.dataEnd);
}

describe('RequestDecoder', () => {
  it('asks for more data before anything came', () => {
    const decoder = new RequestDecoder();
    expect(decoder.next()).toBe(NEED_DATA);
    expect(decoder.midMessage).toBe(false);
    expect(() => decoder.head).toThrow(Http1UsageError);
  });

  it('lends body bytes from the very buffer that it was lent', () => {
    const decoder = new RequestDecoder();
    const bytes = lend(decoder, UPLOAD);
    expect([decoder.next(), decoder.next()]).toEqual([HEAD, DATA]);
    expect(decoder.data).toBe(bytes);
    expect(dataOf(decoder)).toBe('hello');
    expect([decoder.next(), decoder.next()]).toEqual([END, NEED_DATA]);
    expect(decoder.data).not.toBe(bytes);
  });

  it('keeps a head readable after the lent bytes were overwritten', () => {
    const decoder = new RequestDecoder();
    const bytes = lend(decoder, GET);
    decoder.next();
    const head: RequestHead = decoder.head; // The seam's type: the protocol floor itself may not import it.
    bytes.fill(0);
    expect(head.target).toBe('/a');
    expect(head.headers.get('host')).toBe('a');
  });

  it('keeps an incomplete head when its loan ends', () => {
    const decoder = new RequestDecoder();
    const first = lend(decoder, GET.slice(0, 12));
    expect(decoder.next()).toBe(NEED_DATA);
    expect([decoder.headStarted, decoder.midMessage, decoder.bufferedBytes]).toEqual([true, true, 12]);
    first.fill(0);
    lend(decoder, GET.slice(12));
    expect(decoder.next()).toBe(HEAD);
    expect(decoder.head.target).toBe('/a');
    expect(decoder.headStarted).toBe(false);
  });

  it('goes on with the next request after END, and holds nothing when all is read', () => {
    const decoder = new RequestDecoder();
    lend(decoder, GET + UPLOAD);
    const events = Array.from({ length: 6 }, () => decoder.next());
    expect(events).toEqual([HEAD, END, HEAD, DATA, END, NEED_DATA]);
    expect([decoder.bufferedBytes, decoder.midMessage]).toEqual([0, false]);
    expect(() => decoder.head).toThrow(Http1UsageError);
  });

  it('hold keeps what was not pulled, and receive then appends', () => {
    const decoder = new RequestDecoder();
    const first = lend(decoder, GET + UPLOAD);
    expect([decoder.next(), decoder.next()]).toEqual([HEAD, END]);
    decoder.hold();
    first.fill(0);
    expect(decoder.bufferedBytes).toBe(UPLOAD.length);
    lend(decoder, GET).fill(0);
    expect(decoder.next()).toBe(HEAD);
    expect(decoder.head.target).toBe('/b');
    expect(decoder.next()).toBe(DATA);
    expect(dataOf(decoder)).toBe('hello');
    expect([decoder.next(), decoder.next()]).toEqual([END, HEAD]);
    expect(decoder.head.target).toBe('/a');
  });

  it('refuses a second loan while the first is not over', () => {
    const decoder = new RequestDecoder();
    lend(decoder, GET + GET);
    decoder.next();
    expect(() => lend(decoder, GET)).toThrow(expect.objectContaining({ code: 'ERR_HTTP1_USAGE' }));
  });

  it('refuses a range outside of the buffer', () => {
    const decoder = new RequestDecoder();
    expect(() => decoder.receive(Buffer.alloc(2), 0, 3)).toThrow(Http1UsageError);
    expect(() => decoder.receive(Buffer.alloc(2), 2, 1)).toThrow(Http1UsageError);
    expect(() => decoder.receive(Buffer.alloc(2), Number.NaN, 1)).toThrow(Http1UsageError);
  });

  it('takeRest hands over the bytes behind an upgrade as a copy', () => {
    const decoder = new RequestDecoder();
    const bytes = lend(decoder, `${GET}\x81\x00`);
    decoder.next();
    const rest = decoder.takeRest();
    bytes.fill(0);
    expect(rest).toEqual(Buffer.from([0x81, 0]));
    expect(decoder.bufferedBytes).toBe(0);
  });

  it('lets a handler raise the body limit after the head, for this message only', () => {
    const decoder = new RequestDecoder({ maxBodyBytes: 4 });
    lend(decoder, UPLOAD + UPLOAD);
    expect(decoder.next()).toBe(HEAD);
    decoder.maxBodyBytes = 5;
    expect([decoder.next(), decoder.next(), decoder.next()]).toEqual([DATA, END, HEAD]);
    expect(decoder.maxBodyBytes).toBe(4);
    expect(() => decoder.next()).toThrow(expect.objectContaining({ status: 413 }));
  });

  it('checks a chunk against the limit before its bytes come [H1-05]', () => {
    const decoder = new RequestDecoder({ maxBodyBytes: 4 });
    lend(decoder, `${CHUNKED}5\r\n`);
    expect(decoder.next()).toBe(HEAD);
    expect(() => decoder.next()).toThrow(expect.objectContaining({ code: 'ERR_HTTP1_BODY_TOO_LARGE' }));
  });

  it.each([Number.NaN, -1, 1.5, Number.POSITIVE_INFINITY])('refuses %s as a body limit', (limit) => {
    const decoder = new RequestDecoder();
    expect(() => {
      decoder.maxBodyBytes = limit;
    }).toThrow(expect.objectContaining({ code: 'ERR_HTTP1_LIMIT' }));
  });

  it('stays failed: the same error again, and later bytes are not looked at [ATT-01]', () => {
    const decoder = new RequestDecoder();
    lend(decoder, `GET\n${GET}`);
    const failure = caught(() => decoder.next());
    lend(decoder, GET);
    expect(caught(() => decoder.next())).toBe(failure);
    expect(decoder.bufferedBytes).toBe(0);
  });

  it('clips and escapes foreign text in messages', () => {
    const decoder = new RequestDecoder();
    lend(decoder, `GET / HTTP/1.1\r\nContent-Length: \xff${'a'.repeat(1000)}\r\n\r\n`);
    const { message } = caught(() => decoder.next()) as Error;
    expect(message).toContain('\\xff');
    expect(message.length).toBeLessThan(200);
  });

  it('buffers at most the head limit and one segment of an endless head [ATT-18]', () => {
    const decoder = new RequestDecoder({ maxHeadBytes: 1000 });
    lend(decoder, 'GET / HTTP/1.1\r\nX: ');
    decoder.next();
    const flood = (): void => {
      for (let sent = 0; sent < 2000; sent += 100) {
        lend(decoder, 'a'.repeat(100));
        decoder.next();
        expect(decoder.bufferedBytes).toBeLessThan(1100);
      }
    };
    expect(flood).toThrow(expect.objectContaining({ status: 431 }));
  });

  it('accepts a head of exactly the limit, and not of one byte more', () => {
    const exact = new RequestDecoder({ maxHeadBytes: GET.length });
    lend(exact, GET);
    expect(exact.next()).toBe(HEAD);
    const less = new RequestDecoder({ maxHeadBytes: GET.length - 1 });
    lend(less, GET);
    expect(() => less.next()).toThrow(Http1ProtocolError);
  });

  it.each(['If-Match', 'if-none-match', 'IF-MODIFIED-SINCE', 'If-Unmodified-Since'])(
    'notes that a head has the precondition %s',
    (name) => {
      const decoder = new RequestDecoder();
      lend(decoder, `GET / HTTP/1.1\r\nHost: a\r\n${name}: x\r\n\r\n${CHUNKED}0\r\n${name}: x\r\n\r\n`);
      decoder.next();
      expect([decoder.head.hasPrecondition, decoder.head.bodyLength]).toEqual([true, 0]);
      // One among the trailers is too late to be one.
      expect([decoder.next(), decoder.next(), decoder.head.hasPrecondition, decoder.next()]).toEqual([
        END,
        HEAD,
        false,
        END,
      ]);
    },
  );

  it('treats __proto__ and constructor as header names like others [ATT-74]', () => {
    const decoder = new RequestDecoder();
    lend(decoder, 'GET / HTTP/1.1\r\nHost: a\r\n__proto__: x\r\nconstructor: y\r\n\r\n');
    decoder.next();
    const { headers } = decoder.head;
    expect([headers.get('__proto__'), headers.get('constructor'), headers.get('toString')]).toEqual([
      'x',
      'y',
      undefined,
    ]);
  });
});

function caught(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
