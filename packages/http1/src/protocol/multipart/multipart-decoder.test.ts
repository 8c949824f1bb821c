import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { DATA, END, HEAD, NEED_DATA } from '../decoding/events.ts';
import { MultipartDecoder, PART_END } from './multipart-decoder.ts';

const FIELD = '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n';

function receiving(text: string, decoder = new MultipartDecoder('b')): MultipartDecoder {
  const bytes = Buffer.from(text);
  decoder.receive(bytes, 0, bytes.length);
  return decoder;
}

function dataOf(decoder: MultipartDecoder): string {
  return decoder.data.toString('latin1', decoder.dataStart, decoder.dataEnd);
}

describe('MultipartDecoder', () => {
  it('asks for more while the headers of a part are incomplete, and keeps a copy of them [HU-11]', () => {
    const decoder = new MultipartDecoder('b');
    const lent = Buffer.from(FIELD.slice(0, 30));
    decoder.receive(lent, 0, lent.length);
    expect(decoder.next()).toBe(NEED_DATA);
    expect(decoder.bufferedBytes).toBe(30 - '--b\r\n'.length);
    lent.fill(0);
    receiving(FIELD.slice(30), decoder);
    expect(decoder.next()).toBe(HEAD);
    expect(decoder.part).toMatchObject({ name: 'a', filename: undefined, contentType: undefined });
  });

  it('lends the body where it is, and copies nothing but a few bytes between two segments', () => {
    const decoder = receiving(FIELD);
    expect([decoder.next(), decoder.next()]).toEqual([HEAD, NEED_DATA]);
    const first = Buffer.from('123\r\n-');
    decoder.receive(first, 0, first.length);
    expect([decoder.next(), decoder.data === first, dataOf(decoder)]).toEqual([DATA, true, '123']);
    expect(decoder.next()).toBe(NEED_DATA);
    expect(decoder.bufferedBytes).toBe(3);
    const second = Buffer.from('4\r\n--b--');
    decoder.receive(second, 0, second.length);
    expect([decoder.next(), decoder.data === second, dataOf(decoder)]).toEqual([DATA, false, '\r\n-']);
    expect([decoder.next(), decoder.data === second, dataOf(decoder)]).toEqual([DATA, true, '4']);
    expect([decoder.next(), decoder.next()]).toEqual([PART_END, NEED_DATA]);
  });

  it('delivers one piece of data for each part of a body that came whole', () => {
    const decoder = receiving(`${FIELD}\r\n--x\r\n--\r\n\r\r\n--b--`);
    decoder.endOfInput();
    expect([decoder.next(), decoder.next()]).toEqual([HEAD, DATA]);
    expect(dataOf(decoder)).toBe('\r\n--x\r\n--\r\n\r');
    expect([decoder.next(), decoder.next(), decoder.next()]).toEqual([PART_END, END, END]);
  });

  it('does not end before the end of input, as an epilogue may follow', () => {
    const decoder = receiving(`${FIELD}1\r\n--b--\r\n`);
    for (const event of [HEAD, DATA, PART_END, NEED_DATA]) expect(decoder.next()).toBe(event);
    receiving('epilogue', decoder);
    expect(decoder.next()).toBe(NEED_DATA);
    expect(decoder.bufferedBytes).toBe(0);
    decoder.endOfInput();
    expect(decoder.next()).toBe(END);
  });

  it('throws its error again and again, holds nothing, and takes no more bytes [ATT-22]', () => {
    const decoder = receiving('--b\r\nwrong\r\n');
    const errors = [1, 2, 3].map(() => {
      try {
        return decoder.next();
      } catch (error) {
        receiving('--b\r\nwrong\r\n', decoder);
        return error;
      }
    });
    expect(errors[0]).toMatchObject({ name: 'MultipartProtocolError', status: 400, rule: 'RFC 2046 §5.1' });
    expect([errors[1], errors[2], decoder.bufferedBytes]).toEqual([errors[0], errors[0], 0]);
  });

  it('decodes headers as UTF-8 and keeps them in order [HU-12]', () => {
    const decoder = receiving('--b\r\nX-A: ü\r\nContent-Disposition: form-data; name=a\r\nx-a: 2\r\n\r\n');
    expect(decoder.next()).toBe(HEAD);
    const { headers } = decoder.part;
    expect([headers.get('X-A'), headers.names()]).toEqual(['ü, 2', ['X-A', 'Content-Disposition']]);
  });

  it.each([
    ['maxParts: -1', { maxParts: -1 }],
    ['maxFieldBytes: 0.5', { maxFieldBytes: 0.5 }],
    ['maxFiles: NaN', { maxFiles: Number.NaN }],
    ['an unknown limit', { maxPart: 1 } as object],
  ])('refuses %s', (_what, limits) => {
    expect(() => new MultipartDecoder('b', limits)).toThrow(
      expect.objectContaining({ name: 'Http1UsageError', code: 'ERR_HTTP1_LIMIT' }),
    );
  });

  it('refuses a part before there is one, bytes before the last were decoded, and bytes after the end', () => {
    const usage = expect.objectContaining({ code: 'ERR_HTTP1_USAGE' });
    const decoder = receiving(FIELD);
    expect(() => decoder.part).toThrow(usage);
    expect(() => receiving('x', decoder)).toThrow(usage);
    decoder.endOfInput();
    expect(() => receiving('x', decoder)).toThrow(usage);
  });

  it('has the limits of its contract by default [ATT-23]', () => {
    const part = (at: number, more = ''): string =>
      `--b\r\nContent-Disposition: form-data; name="${at}"${more}\r\n\r\n\r\n`;
    const parts = (count: number, more = ''): string =>
      Array.from({ length: count }, (_unused, at) => part(at, more)).join('');
    const outcome = (text: string): unknown => {
      const decoder = receiving(text);
      decoder.endOfInput();
      try {
        let event = decoder.next();
        while (event !== END) event = decoder.next();
        return event;
      } catch (error) {
        return (error as { code?: unknown }).code;
      }
    };
    const file = '; filename="f"';
    expect(outcome(`${parts(900)}${parts(100, file)}--b--`)).toBe(END);
    expect(outcome(`${parts(1001)}--b--`)).toBe('ERR_HTTP1_MULTIPART_PARTS');
    expect(outcome(`${parts(101, file)}--b--`)).toBe('ERR_HTTP1_MULTIPART_FILES');
    expect(outcome(`--b\r\nX: ${'x'.repeat(11 * 1024)}`)).toBe('ERR_HTTP1_MULTIPART_HEADERS_TOO_LARGE');
    expect(outcome(`--b\r\n${'X: x\r\n'.repeat(33)}`)).toBe('ERR_HTTP1_MULTIPART_TOO_MANY_HEADERS');
    const mebibyte = 'x'.repeat(1024 * 1024);
    expect(outcome(`${FIELD}${mebibyte}\r\n--b--`)).toBe(END);
    expect(outcome(`${FIELD}${mebibyte}x\r\n--b--`)).toBe('ERR_HTTP1_MULTIPART_FIELD_TOO_LARGE');
  });
});
