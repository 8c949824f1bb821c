import { HTTPHeaders } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import { parseMultipart } from './multipart-form.ts';

const headers = new HTTPHeaders().set('Content-Type', 'multipart/form-data; boundary=b');

function form(...parts: readonly (readonly [disposition: string, body: string])[]): Buffer {
  const text = parts.map(
    ([more, body]) => `--b\r\nContent-Disposition: form-data; ${more}\r\n\r\n${body}\r\n`,
  );
  return Buffer.from(`${text.join('')}--b--\r\n`);
}

function refusal(status: number, code: string): unknown {
  const cause = expect.objectContaining({ name: 'MultipartProtocolError', code });
  return expect.objectContaining({ name: 'HTTPError', status, cause });
}

describe('parseMultipart', () => {
  it('groups fields and files by name, in order [HU-10] [HU-11]', () => {
    const body = form(
      ['name=a', '1'],
      ['name=f; filename="x"', 'one'],
      ['name=a', ' ü\r\n'],
      ['name=f; filename="y"', ''],
      ['name=e; filename=""', ''],
    );
    const { fields, files } = parseMultipart(headers, body);
    expect([...fields]).toEqual([
      ['a', ['1', ' ü\r\n']],
      ['e', ['']],
    ]);
    expect([...files.keys()]).toEqual(['f']);
    expect(files.get('f')?.map(({ filename, body }) => [filename, body.toString()])).toEqual([
      ['x', 'one'],
      ['y', ''],
    ]);
  });

  it('does not copy files [HU-11]', () => {
    const body = form(['name=f; filename="x"', '\r\n--x']);
    const file = parseMultipart(headers, body).files.get('f')?.[0];
    expect(file?.body.buffer).toBe(body.buffer);
  });

  it('keeps names of Object.prototype as plain data [ATT-74]', () => {
    const { fields, files } = parseMultipart(
      headers,
      form(['name=__proto__', 'polluted'], ['name=constructor; filename=a', '']),
    );
    expect([fields.get('__proto__'), fields.get('toString'), files.has('constructor')]).toEqual([
      ['polluted'],
      undefined,
      true,
    ]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('is empty for a body of another type, and for none', () => {
    const text = new HTTPHeaders().set('Content-Type', 'text/plain');
    for (const result of [
      parseMultipart(text, form(['name=a', '1'])),
      parseMultipart(headers, Buffer.alloc(0)),
    ]) {
      expect([result.fields.size, result.files.size]).toEqual([0, 0]);
    }
  });

  it('refuses a malformed body with its first error [HU-11] [ATT-22]', () => {
    const body = Buffer.from('--b\r\nwrong\r\n\r\n'.repeat(5000));
    expect(() => parseMultipart(headers, body)).toThrow(refusal(400, 'ERR_HTTP1_MULTIPART_HEADER'));
  });

  it('refuses a field that is not UTF-8 [IN-02], and takes such a file', () => {
    const bytes = Buffer.from(form(['name=a', '?']).toString().replace('?', '\xff'), 'latin1');
    expect(() => parseMultipart(headers, bytes)).toThrow(refusal(400, 'ERR_HTTP1_MULTIPART_ENCODING'));
    const file = Buffer.from(form(['name=a; filename=f', '?']).toString().replace('?', '\xff'), 'latin1');
    expect(parseMultipart(headers, file).files.get('a')?.[0]?.body).toEqual(Buffer.from([0xff]));
  });

  it('refuses a body that is still compressed with 415 [HU-10]', () => {
    const compressed = headers.copy().set('Content-Encoding', 'gzip');
    expect(() => parseMultipart(compressed, form())).toThrow(refusal(415, 'ERR_HTTP1_MULTIPART_CODING'));
    expect(
      parseMultipart(headers.copy().set('Content-Encoding', 'identity'), form(['name=a', ''])).fields.size,
    ).toBe(1);
  });

  it('holds its limits, and refuses an unknown one by name [ATT-23]', () => {
    const body = form(['name=a', '12']);
    expect(() => parseMultipart(headers, body, { maxParts: 0 })).toThrow(
      refusal(400, 'ERR_HTTP1_MULTIPART_PARTS'),
    );
    expect(() => parseMultipart(headers, body, { maxFieldBytes: 1 })).toThrow(
      refusal(413, 'ERR_HTTP1_MULTIPART_FIELD_TOO_LARGE'),
    );
    expect(() => parseMultipart(headers, body, { maxPart: 1 } as object)).toThrow(
      /parseMultipart|MultipartDecoder.*maxPart/,
    );
  });
});
