import { describe, expect, it } from 'vitest';
import { RequestHandler } from '../../src/index.ts';
import { bodyOf, converse, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

const MULTIPART = 'multipart/form-data; boundary=b';

class Shows extends RequestHandler {
  override get(): void {
    this.write({
      fields: [...this.request.bodyArguments],
      files: Array.from(this.files, ([name, files]) => [
        name,
        files.map(({ filename, contentType, body }) => [filename, contentType, body.length]),
      ]),
    });
  }
  override post(): void {
    this.get();
  }
}

/** Sends a body in latin1, and returns the status, or what the handler found. */
async function send(
  type: string,
  body: string,
  method = 'POST',
  ...fields: readonly string[]
): Promise<unknown> {
  let found: unknown;
  await withApp([['/', Shows]], async ({ port, log }) => {
    const head = [
      `${method} / HTTP/1.1`,
      'Host: a',
      'Connection: close',
      `Content-Length: ${body.length}`,
      `Content-Type: ${type}`,
      ...fields,
    ];
    const answer = await converse(port, `${head.join('\r\n')}\r\n\r\n${body}`);
    found = statusOf(answer);
    expect(log.records.filter(({ level }) => level !== 'debug').length).toBe(found === 200 ? 0 : 1);
    if (found === 200) found = JSON.parse(Buffer.from(bodyOf(answer), 'latin1').toString());
  });
  return found;
}

const part = (headers: string, body = 'x'): string => `--b\r\n${headers}\r\n\r\n${body}\r\n`;
const named = (more: string, body?: string): string => part(`Content-Disposition: form-data; ${more}`, body);

describe('the body of a request', () => {
  it.each([
    ['application/json', '{"a":1}'],
    ['text/plain', 'a=1'],
    ['application/x-www-form-urlencoded-not', 'a=1'],
    ['multipart/mixed; boundary=b', `${named('name=a')}--b--`],
    ['application/octet-stream', 'a=%'],
  ])('of the type %s has no arguments [HU-10]', async (type, body) => {
    expect(await send(type, body)).toEqual({ fields: [], files: [] });
  });

  it('is parsed for GET too [RH-04]', async () => {
    expect(await send('application/x-www-form-urlencoded', 'a=1', 'GET')).toEqual({
      fields: [['a', ['1']]],
      files: [],
    });
  });

  it.each(['gzip', 'br', 'x'])(
    'with the Content-Encoding %s, which is left, is refused [HU-10]',
    async (coding) => {
      const field = `Content-Encoding: ${coding}`;
      expect(await send('application/x-www-form-urlencoded', 'a=1', 'POST', field)).toBe(415);
      expect(await send(MULTIPART, `${named('name=a')}--b--`, 'POST', field)).toBe(415);
    },
  );
});

describe('a multipart body', () => {
  it.each<[string, string, string, unknown]>([
    [
      'its boundary in quotes',
      'multipart/form-data; boundary="b"',
      `${named('name=a')}--b--`,
      { fields: [['a', ['x']]], files: [] },
    ],
    [
      'parameters in any case',
      'Multipart/Form-Data; charset=utf-8; BOUNDARY=b',
      `${named('NAME=a')}--b--`,
      { fields: [['a', ['x']]], files: [] },
    ],
    ['an epilogue', MULTIPART, `${named('name=a')}--b--\r\nepilogue`, { fields: [['a', ['x']]], files: [] }],
    [
      'a preamble (RFC 2046 §5.1.1)',
      MULTIPART,
      `preamble\r\n${named('name=a')}--b--`,
      { fields: [['a', ['x']]], files: [] },
    ],
    [
      'an empty filename, which makes it a plain field',
      MULTIPART,
      `${named('name=a; filename=""')}--b--`,
      { fields: [['a', ['x']]], files: [] },
    ],
    [
      'a name with a backslash path',
      MULTIPART,
      `${named('name=a; filename="C:\\dir\\f.txt"')}--b--`,
      {
        fields: [],
        files: [['a', [['C:\\dir\\f.txt', 'application/unknown', 1]]]],
      },
    ],
    [
      'a name in UTF-8',
      MULTIPART,
      `${named('name=a; filename="\xc3\xbc\xe6\x97\xa5"')}--b--`,
      { fields: [], files: [['a', [['ü日', 'application/unknown', 1]]]] },
    ],
    [
      'a type',
      MULTIPART,
      `${part('Content-Disposition: form-data; name=a; filename=f\r\nContent-Type: image/png')}--b--`,
      { fields: [], files: [['a', [['f', 'image/png', 1]]]] },
    ],
  ])('may have %s [HU-11] [HU-12]', async (_, type, body, expected) => {
    expect(await send(type, body)).toEqual(expected);
  });

  it.each<[string, string, string]>([
    ['no boundary', 'multipart/form-data', `${named('name=a')}--b--`],
    ['an empty boundary', 'multipart/form-data; boundary=', `${named('name=a')}--b--`],
    ['no end', MULTIPART, named('name=a')],
    ['no part', MULTIPART, 'x'],
    ['a part without headers', MULTIPART, '--b\r\n\r\nx\r\n--b--'],
    ['a part whose headers do not end', MULTIPART, '--b\r\nContent-Disposition: form-data; name=a\r\nx--b--'],
    ['another disposition', MULTIPART, `${part('Content-Disposition: attachment; name=a')}--b--`],
    ['no name', MULTIPART, `${named('x=a')}--b--`],
    ['an empty name', MULTIPART, `${named('name=""')}--b--`],
    [
      'no line end before its delimiter',
      MULTIPART,
      '--b\r\nContent-Disposition: form-data; name=a\r\n\r\nx--b--',
    ],
    ['a bare CR in a part header [ATT-39]', MULTIPART, `${named('name="a\rX: y"')}--b--`],
    ['a NUL in a part header', MULTIPART, `${named('name="a\0"')}--b--`],
    ['a control in a part header', MULTIPART, `${named('name="a\x01"')}--b--`],
    [
      'a part header without a name',
      MULTIPART,
      `${part('Content-Disposition: form-data; name=a\r\n: x')}--b--`,
    ],
  ])('with %s is one 400 and one record [HU-11] [HU-12] [ATT-22]', async (_, type, body) => {
    expect(await send(type, body)).toBe(400);
  });
});
