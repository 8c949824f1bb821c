import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import type { ResponseHead } from '../../delegate.ts';
import { Http1UsageError } from '../grammar/errors.ts';
import { DATA, END, HEAD, NEED_DATA } from './events.ts';
import { ResponseDecoder } from './response-decoder.ts';

function lend(decoder: ResponseDecoder, text: string): void {
  const bytes = Buffer.from(text, 'latin1');
  decoder.receive(bytes, 0, bytes.length);
}

describe('ResponseDecoder', () => {
  it('refuses a second expect while a response is owed', () => {
    const decoder = new ResponseDecoder();
    decoder.expect('GET');
    expect(() => decoder.expect('GET')).toThrow(Http1UsageError);
  });

  it('refuses to expect another response after a tunnel began', () => {
    const decoder = new ResponseDecoder();
    decoder.expect('CONNECT');
    lend(decoder, 'HTTP/1.1 200 OK\r\n\r\n');
    expect([decoder.next(), decoder.next(), decoder.next()]).toEqual([HEAD, END, NEED_DATA]);
    expect(() => decoder.expect('GET')).toThrow(Http1UsageError);
  });

  it('tells an end between messages from one within', () => {
    const decoder = new ResponseDecoder();
    decoder.expect('GET');
    decoder.endOfInput();
    expect(decoder.next()).toBe(NEED_DATA);
    expect(decoder.midMessage).toBe(false);
  });

  it('lets a caller raise the body limit after the head', () => {
    const decoder = new ResponseDecoder({ maxBodyBytes: 1 });
    decoder.expect('GET');
    lend(decoder, 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi');
    expect(decoder.next()).toBe(HEAD);
    decoder.maxBodyBytes = 2;
    expect([decoder.next(), decoder.next()]).toEqual([DATA, END]);
    decoder.expect('GET');
    expect(decoder.maxBodyBytes).toBe(1);
  });

  it('hold keeps bytes of a body that is not read yet', () => {
    const decoder = new ResponseDecoder();
    decoder.expect('GET');
    const bytes = Buffer.from('HTTP/1.1 200 OK\r\n\r\nhello');
    decoder.receive(bytes, 0, bytes.length);
    expect(decoder.next()).toBe(HEAD);
    const head: ResponseHead = decoder.head;
    decoder.hold();
    bytes.fill(0);
    expect(head.reason).toBe('OK');
    expect(decoder.bufferedBytes).toBe(5);
    expect(decoder.next()).toBe(DATA);
    expect(decoder.data.toString('latin1', decoder.dataStart, decoder.dataEnd)).toBe('hello');
    decoder.endOfInput();
    expect(decoder.next()).toBe(END);
  });

  /** Decodes a response to a GET whose connection has an end that may be forged. */
  function decodeCut(response: string): { readonly body: string; readonly failure: unknown } {
    const decoder = new ResponseDecoder();
    decoder.expect('GET');
    lend(decoder, response);
    decoder.endOfInput(new Error('the end was not announced'));
    let body = '';
    try {
      for (let event = decoder.next(); event !== END && event !== NEED_DATA; event = decoder.next())
        if (event === DATA) body += decoder.data.toString('latin1', decoder.dataStart, decoder.dataEnd);
      return { body, failure: undefined };
    } catch (failure) {
      return { body, failure };
    }
  }

  it.each([
    ['no length', 'HTTP/1.1 200 OK\r\n\r\nhello', 'hello'],
    ['no length, and is empty', 'HTTP/1.1 200 OK\r\n\r\n', ''],
    ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello', 'hello'],
    ['chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', 'hello'],
  ])('refuses a body with %s after an end that may be forged (RFC 9112 §9.8)', (_framing, response, body) => {
    const decoded = decodeCut(response);
    expect(decoded).toMatchObject({
      body,
      failure: { code: 'ERR_HTTP1_TRUNCATED', cause: { message: 'the end was not announced' } },
    });
    expect(String(decoded.failure)).toContain('the end was not announced');
  });

  it.each([
    ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 'hello'],
    ['chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n', 'hello'],
    ['a status that excludes one', 'HTTP/1.1 204 No Content\r\n\r\n', ''],
  ])('accepts a body with %s that was complete before such an end', (_framing, response, body) => {
    expect(decodeCut(response)).toEqual({ body, failure: undefined });
  });
});
