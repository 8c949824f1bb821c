import { Buffer } from 'node:buffer';
import { describe, it } from 'vitest';
import { END, NEED_DATA } from '../../src/protocol/decoding/events.ts';
import { RequestDecoder } from '../../src/protocol/decoding/request-decoder.ts';
import { HTTPHeaders } from '../../src/protocol/fields/http-headers.ts';
import { MultipartDecoder } from '../../src/protocol/multipart/multipart-decoder.ts';
import { expectLinear } from '../fixtures/expect-linear.ts';

const LIMITS = { maxHeadBytes: 4_000_000, maxHeaders: 1_000_000, maxTrailerBytes: 4_000_000 };

function decodeBytewise(wire: Buffer): () => void {
  return () => {
    const decoder = new RequestDecoder(LIMITS);
    for (let at = 0; at < wire.length; at += 1) {
      decoder.receive(wire, at, at + 1);
      while (decoder.next() !== NEED_DATA);
    }
  };
}

const HEAD_TEXT = 'POST / HTTP/1.1\r\nHost: a\r\n';

describe('work that grows with the input only', () => {
  it('one long header in segments of one byte [ATT-18]', () => {
    expectLinear((size) => decodeBytewise(Buffer.from(`${HEAD_TEXT}X: ${'a'.repeat(size)}\r\n\r\n`)), 20_000);
  });

  it('many headers of one name in segments of one byte [ATT-19]', () => {
    expectLinear((size) => decodeBytewise(Buffer.from(`${HEAD_TEXT}${'X: a\r\n'.repeat(size)}\r\n`)), 3_000);
  });

  it('trailers in segments of one byte', () => {
    const head = `${HEAD_TEXT}Transfer-Encoding: chunked\r\n\r\n0\r\n`;
    expectLinear((size) => decodeBytewise(Buffer.from(`${head}${'X: a\r\n'.repeat(size)}\r\n`)), 3_000);
  });

  it('requests that are held and appended to, one at a time', () => {
    const one = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    expectLinear((size) => {
      const many = Buffer.from(one.toString().repeat(size));
      return () => {
        const decoder = new RequestDecoder();
        decoder.receive(many, 0, many.length);
        decoder.hold();
        decoder.receive(many, 0, many.length); // Fills the copy to its last byte.
        for (let round = 0; round < size; round += 1) {
          decoder.next();
          decoder.next();
          decoder.hold();
          decoder.receive(one, 0, one.length);
        }
      };
    }, 6_000);
  });

  it('adding one name again and again, and joining it [HU-05, ATT-19]', () => {
    expectLinear((size) => {
      return () => {
        const headers = new HTTPHeaders();
        for (let at = 0; at < size; at += 1) headers.add('X', 'a');
        headers.get('x');
        headers.serialize();
        headers.delete('x');
      };
    }, 2_000);
  });

  it('parsing a block of one name [ATT-19]', () => {
    expectLinear((size) => {
      const text = 'X: a\r\n'.repeat(size);
      return () => HTTPHeaders.parse(text).get('x');
    }, 5_000);
  });

  const part = (more: string, body: string): string =>
    `--b\r\nContent-Disposition: form-data; name="a"; filename="f${more}"\r\n\r\n${body}\r\n--b--`;
  const wide = { maxPartHeaderBytes: 4_000_000, maxPartHeaders: 1_000_000 };

  function decodeMultipart(text: string, boundary: string, step: number): () => void {
    const wire = Buffer.from(text);
    return () => {
      const decoder = new MultipartDecoder(boundary, wide);
      for (let at = 0; at < wire.length; at += step) {
        decoder.receive(wire, at, Math.min(at + step, wire.length));
        while (decoder.next() !== NEED_DATA);
      }
      decoder.endOfInput();
      while (decoder.next() !== END);
    };
  }

  it('semicolons and escapes inside quotation marks of a part header [ATT-21]', () => {
    expectLinear((size) => decodeMultipart(part(';'.repeat(size), ''), 'b', Number.MAX_SAFE_INTEGER), 10_000);
    expectLinear(
      (size) => decodeMultipart(part('\\"%22'.repeat(size), ''), 'b', Number.MAX_SAFE_INTEGER),
      4_000,
    );
  });

  it('many parameters of a part header [ATT-21]', () => {
    const head = (size: number): string =>
      Array.from({ length: size }, (_unused, at) => `; p${at}="x"`).join('');
    const text = (size: number): string => part('', '').replace('form-data', `form-data${head(size)}`);
    expectLinear((size) => decodeMultipart(text(size), 'b', Number.MAX_SAFE_INTEGER), 2_000);
  });

  it('a part header and a body of a part in segments of one byte', () => {
    expectLinear((size) => decodeMultipart(part('x'.repeat(size), ''), 'b', 1), 10_000);
    expectLinear((size) => decodeMultipart(part('', 'x'.repeat(size)), 'b', 1), 10_000);
  });

  it.each([1, 7, Number.MAX_SAFE_INTEGER])(
    'bodies of line breaks and near-boundaries, %d bytes at a time',
    (step) => {
      const boundary = 'x'.repeat(70);
      const body = (text: string): string => part('', text).replaceAll('--b', `--${boundary}`);
      const near = `\r\n--${'x'.repeat(69)}`;
      expectLinear((size) => decodeMultipart(body(near.repeat(size)), boundary, step), 200);
      expectLinear((size) => decodeMultipart(body('\r'.repeat(size)), boundary, step), 10_000);
    },
  );
});
