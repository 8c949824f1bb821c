import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { compareResponses, fetchResponse, requestText } from '../responses.mjs';
import { compressed } from './compressed.ts';

const RESPONSE = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: Sun, 22 Nov 2026 17:55:17 GMT\r\n\r\nhi';
const LATER = RESPONSE.replace('17:55:17', '18:00:00');
const VARY = LATER.replace('Content-Length: 2', 'content-length: 2\r\nVary: Accept-Encoding');

describe('compareResponses', () => {
  const compare = (response: string, runtime?: string) =>
    compareResponses(RESPONSE, response, { title: 'a row', ...(runtime && { runtime }) });

  it('accepts another Date, and says if header names or their order differ', () => {
    const turned = 'HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 17:55:17 GMT\r\ncontent-length: 2\r\n\r\nhi';
    expect([compare(LATER), compare(turned)]).toEqual(['same bytes', 'other case or order']);
  });

  it('accepts other header fields of a file, but no other body', () => {
    const compareFile = (response: string) =>
      compareResponses(RESPONSE, response, { title: 'a row', ask: { isFile: true } });
    expect(compareFile(VARY)).toBe('fields of its own');
    expect(() => compareFile(VARY.replace(/hi$/, 'Hi'))).toThrow('rows differ');
  });

  it('names other header fields of another runtime, and refuses them on Node', () => {
    expect(compare(VARY, 'deno')).toBe('also vary: accept-encoding');
    expect(() => compare(VARY)).toThrow('rows differ');
  });

  it('names other header fields and a missing reason phrase if all may have any', () => {
    const compareAny = (response: string) =>
      compareResponses(RESPONSE, response, { title: 'a row', ask: { anyFields: true } });
    expect(compareAny(VARY.replace(' OK', ' '))).toBe(
      'also HTTP/1.1 200 , also vary: accept-encoding, without HTTP/1.1 200 OK',
    );
    expect(() => compareAny(RESPONSE.replace('200 OK', '203 OK'))).toThrow('rows differ');
    expect(() => compareAny(VARY.replace(/hi$/, 'Hi'))).toThrow('rows differ');
  });

  it('compares bodies in chunks whole, and says if the chunks differ', () => {
    const chunked = (...chunks: string[]) => {
      const head = RESPONSE.replace('Content-Length: 2', 'Transfer-Encoding: chunked').slice(0, -2);
      return `${head}${chunks.map((chunk) => `${chunk.length}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`;
    };
    const compareWith = (...chunks: string[]) =>
      compareResponses(chunked('a', 'b'), chunked(...chunks), { title: 'a row' });
    expect([compareWith('a', 'b'), compareWith('ab')]).toEqual([
      '2 chunks; same bytes',
      '1 chunk; other chunks',
    ]);
    expect(() => compareWith('a', 'c')).toThrow('rows differ');
  });

  it('compares bodies of gzip decoded, however they are sent', () => {
    const plain = compressed();
    expect(compareResponses(plain, compressed({ mtime: 1 }), { title: 'a row' })).toBe(
      '22 B of gzip; same bytes',
    );
    expect(compareResponses(plain, compressed({ level: 0, isChunked: true }), { title: 'a row' })).toBe(
      '25 B of gzip, chunked; same body',
    );
    expect(() => compareResponses(plain, compressed({ text: 'Hi' }), { title: 'a row' })).toThrow(
      'rows differ',
    );
    expect(() => compareResponses(plain, RESPONSE, { title: 'a row', runtime: 'deno' })).toThrow(
      'rows differ',
    );
  });

  it.each([
    ['another body', RESPONSE.replace(/hi$/, 'Hi')],
    ['another status', RESPONSE.replace('200 OK', '203 OK')],
    ['an invalid Date', RESPONSE.replace('Sun, 22', 'Sun 22')],
  ])('refuses %s', (_name, other) => {
    expect(() => compare(other)).toThrow('rows differ');
  });
});

describe('requestText', () => {
  it('sends a browser head of 800 bytes, and a body as long as it says', () => {
    const head = requestText({ browser: true }, { port: 61_234 });
    expect([head.length, head.indexOf('\r\n\r\n')]).toEqual([800, 796]);
    const [fields, body] = requestText({ upBytes: 10_240 }, { port: 80 }).split('\r\n\r\n');
    expect([/Content-Length: (\d+)/.exec(fields ?? '')?.[1], body?.length]).toEqual(['10240', 10_240]);
  });

  it('accepts codings', () => {
    const text = requestText({ accepts: 'gzip' }, { port: 80 });
    expect(text).toBe('GET / HTTP/1.1\r\nHost: 127.0.0.1:80\r\nAccept-Encoding: gzip\r\n\r\n');
  });

  it('sends the cookie of a server, and a body of a type', () => {
    const form = { path: '/form', type: 'text/plain', body: 'hi', upBytes: 2 };
    expect(requestText(form, { port: 80, cookie: 'a=1' })).toBe(
      'POST /form HTTP/1.1\r\nHost: 127.0.0.1:80\r\nCookie: a=1\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi',
    );
  });
});

describe('fetchResponse', () => {
  let server: Server;
  afterEach(() => server.close());

  it.each([
    ['a connection that does not last for a second request', [RESPONSE], 'a row closed the connection'],
    ['a second response that differs', [RESPONSE, VARY], 'a row responds twice differently'],
    ['bytes after the response', [`${RESPONSE}!`], 'not one response'],
  ])('refuses %s', async (_name, responses, message) => {
    server = createServer((socket) => {
      const left = [...responses];
      socket.on('data', () => (left.length > 0 ? socket.write(left.shift() ?? '') : socket.end()));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await expect(fetchResponse({ port, row: { title: 'a row' } }, 'GET /')).rejects.toThrow(message);
  });
});
