import { describe, expect, it } from 'vitest';
import { ForeignFile, ForeignFormData } from '../../test/fixtures/foreign-form.ts';
import type { EncodedBody } from './encoded-body.ts';
import { multipartBody } from './form-body.ts';

const usage = expect.objectContaining({ code: 'ERR_HTTPCLIENT_USAGE' });

async function bytesOf({ content }: EncodedBody): Promise<Buffer> {
  if (content instanceof Uint8Array) return Buffer.from(content);
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Reads a body with the parser of Node's fetch. */
async function readByFetch(body: EncodedBody): Promise<[string, unknown][]> {
  const response = new Response(await bytesOf(body), {
    headers: { 'Content-Type': String(body.contentType) },
  });
  return Array.from((await response.formData()).entries());
}

describe('multipartBody', () => {
  it('encodes a form without files in memory, with its exact length', async () => {
    const form = new FormData();
    form.append('a', 'one\ntwo');
    form.append('a', '\u65e5\u672c');
    form.append('b"', '');
    const body = multipartBody(form);
    expect(body.content).toBeInstanceOf(Uint8Array);
    expect(body.bodyBytes).toBe((await bytesOf(body)).length);
    expect(await readByFetch(body)).toEqual([
      ['a', 'one\r\ntwo'],
      ['a', '\u65e5\u672c'],
      ['b"', ''],
    ]);
  });

  it('encodes files as browsers do, with their names and types, any number of times', async () => {
    const form = new FormData();
    form.append('text', 'first');
    form.append('f', new File(['\r\n--x'], 'na\u00efve "x".txt', { type: 'text/plain' }));
    form.append('f', new Blob(['abc']));
    form.append('f', new File([], 'empty'));
    form.append('text', 'last');
    const body = multipartBody(form);
    expect(body.isRepeatable).toBe(true);
    for (let count = 0; count < 2; count += 1) {
      expect((await bytesOf(body)).length).toBe(body.bodyBytes);
      const entries = await readByFetch(body);
      const files = await Promise.all(
        entries
          .map(([, value]) => value)
          .filter((value) => value instanceof File)
          .map(async (file) => [file.name, file.type, await file.text()]),
      );
      expect(files).toEqual([
        ['na\u00efve "x".txt', 'text/plain', '\r\n--x'],
        ['blob', 'application/octet-stream', 'abc'],
        ['empty', 'application/octet-stream', ''],
      ]);
      expect(entries.map(([name]) => name)).toEqual(['text', 'f', 'f', 'f', 'text']);
    }
  });

  it('encodes a form that has no entry', async () => {
    const body = multipartBody(new FormData());
    expect((await bytesOf(body)).toString()).toMatch(/^------LandspoutFormBoundary[0-9a-f]{32}--\r\n$/);
  });

  it('has another boundary each time, which a file cannot contain', () => {
    const types = Array.from({ length: 100 }, () => multipartBody(new FormData()).contentType);
    expect(new Set(types).size).toBe(100);
  });

  it('is not changed by later changes to the form', async () => {
    const form = new FormData();
    form.append('a', '1');
    const body = multipartBody(form);
    form.append('b', '2');
    expect(await readByFetch(body)).toEqual([['a', '1']]);
  });

  it('accepts the FormData and files of other libraries', async () => {
    const form = new ForeignFormData();
    form.append('a', '1');
    form.append('f', new ForeignFile('n', 'text/x', ['ab', '', 'c']));
    form.append('g', new File(['d'], 'm'));
    const body = multipartBody(form);
    expect((await bytesOf(body)).length).toBe(body.bodyBytes);
    const [, f, g] = (await readByFetch(body)).map(([, value]) => value as File);
    expect([f?.name, f?.type, await f?.text(), g?.name, await g?.text()]).toEqual([
      'n',
      'text/x',
      'abc',
      'm',
      'd',
    ]);
  });

  it.each([
    ['too few', 4],
    ['too many', 2],
  ])('fails if a file has %s bytes', async (_, size) => {
    const form = new ForeignFormData();
    form.append('f', new ForeignFile('n', '', ['abc'], size));
    await expect(bytesOf(multipartBody(form))).rejects.toThrow(usage);
  });

  it('reads a large file in memory in pieces, and only what is taken', async () => {
    const form = new FormData();
    form.append('f', new Blob([Buffer.alloc(1_000_000, 'x')]));
    const body = multipartBody(form);
    let [chunks, longest] = [0, 0];
    for await (const chunk of body.content as AsyncIterable<Uint8Array>) {
      chunks += 1;
      longest = Math.max(longest, chunk.length);
    }
    expect(longest).toBeLessThanOrEqual(256 * 1024);
    expect(chunks).toBeGreaterThanOrEqual(5);
  });

  it.each([
    ['a value that is neither text nor a file', [['a', 1]]],
    ['an object that only looks like a file', [['a', { size: 1, type: '', stream() {} }]]],
    ['null', [['a', null]]],
    ['a control character in a name', [['a\0', '']]],
    ['a type that cannot be sent', [['a', new ForeignFile('n', 'a\r\nb', [])]]],
  ] as [string, [string, unknown][]][])('refuses %s', (_, entries) => {
    const form = new ForeignFormData();
    for (const [name, value] of entries) form.append(name, value);
    expect(() => multipartBody(form)).toThrow(usage);
  });

  it.each([[undefined], [null], ['a'], [{}], [new Map()], [new URLSearchParams()]])('refuses %o', (form) => {
    expect(() => multipartBody(form as never)).toThrow(usage);
  });
});
