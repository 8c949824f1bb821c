import { describe, expect, it } from 'vitest';
import { encodeBody, jsonBody, streamBody } from './body-forms.ts';

const usage = expect.objectContaining({ code: 'ERR_HTTPCLIENT_USAGE' });
const text = (bytes: unknown) => Buffer.from(bytes as Uint8Array).toString();

async function all(content: unknown): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe('encodeBody', () => {
  it.each([
    ['text', '\u00e9', undefined, '\u00e9'],
    ['no text', '', undefined, ''],
    ['bytes', Buffer.from('ab'), undefined, 'ab'],
    ['a view', new DataView(new Uint8Array([97, 98, 99]).buffer, 1, 1), undefined, 'b'],
    ['an ArrayBuffer', new Uint8Array([97, 98]).buffer, undefined, 'ab'],
    [
      'fields',
      new URLSearchParams([
        ['a', '1 \u00e9'],
        ['a', '&'],
      ]),
      'application/x-www-form-urlencoded;charset=UTF-8',
      'a=1+%C3%A9&a=%26',
    ],
  ])('encodes %s in memory', (_, body, contentType, expected) => {
    const encoded = encodeBody(body);
    expect(encoded.contentType).toBe(contentType);
    expect(text(encoded.content)).toBe(expected);
    expect(encoded.bodyBytes).toBe(Buffer.byteLength(expected));
    expect(encoded.isRepeatable).toBe(true);
  });

  it('does not copy bytes', () => {
    const bytes = new Uint8Array(3);
    expect(encodeBody(bytes).content).toBe(bytes);
  });

  it('sends a Blob with its length and type, any number of times', async () => {
    const encoded = encodeBody(new Blob(['abc'], { type: 'Text/X' }));
    expect(encoded).toMatchObject({ contentType: 'text/x', bodyBytes: 3, isRepeatable: true });
    expect([await all(encoded.content), await all(encoded.content)]).toEqual(['abc', 'abc']);
    expect(encodeBody(new Blob(['abc'])).contentType).toBeUndefined();
  });

  it('sends a form as multipart/form-data', () => {
    const form = new FormData();
    form.append('a', new File(['x'], 'y'));
    expect(encodeBody(form).contentType).toMatch(/^multipart\/form-data; boundary=/);
  });

  it('sends what an iterable or a stream yields, once, with an unknown length', async () => {
    async function* pieces() {
      yield Buffer.from('a');
      yield Buffer.from('b');
    }
    const streamed = { contentType: undefined, bodyBytes: -1, isRepeatable: false };
    const iterable = encodeBody(pieces());
    expect(iterable).toMatchObject(streamed);
    expect(await all(iterable.content)).toBe('ab');
    const stream = encodeBody(ReadableStream.from(pieces()));
    expect(stream).toMatchObject(streamed);
    expect(await all(stream.content)).toBe('ab');
  });

  it.each([
    [undefined],
    [null],
    [{ a: 1 }],
    [[1]],
    [1],
    [true],
    [Symbol('a')],
    [() => {}],
    [new Map([[1, 2]])],
    [new Set()],
    [Promise.resolve({})],
    [[1][Symbol.iterator]()],
    [new WeakMap()],
    [new SharedArrayBuffer(1)],
    [new AbortController().signal],
  ])('refuses %o', (body) => {
    expect(() => encodeBody(body)).toThrow(usage);
  });
});

describe('jsonBody', () => {
  it.each([
    ['an object', { a: ['\u00e9'] }, '{"a":["\u00e9"]}'],
    ['an array', [1, null], '[1,null]'],
    ['an object with toJSON', new Date(0), '"1970-01-01T00:00:00.000Z"'],
    ['an object without prototype', Object.assign(Object.create(null), { a: 1 }), '{"a":1}'],
    ['a string', 'a', '"a"'],
    ['null', null, 'null'],
  ])('encodes %s', (_, value, expected) => {
    const encoded = jsonBody(value);
    expect(encoded.contentType).toBe('application/json');
    expect(text(encoded.content)).toBe(expected);
  });

  it.each([
    [
      'a cycle',
      (() => {
        const a: unknown[] = [];
        a.push(a);
        return a;
      })(),
    ],
    ['a bigint', { a: 1n }],
    ['a function', () => {}],
    ['a Map', new Map()],
    ['a promise', Promise.resolve(1)],
    [
      'a toJSON that throws',
      {
        toJSON() {
          throw null;
        },
      },
    ],
    ['a toJSON without a result', { toJSON() {} }],
  ])('refuses %s', (_, value) => {
    expect(() => jsonBody(value)).toThrow(usage);
  });
});

describe('streamBody', () => {
  it('refuses a stream that has a reader, also if it got it later', async () => {
    const stream = new ReadableStream<Uint8Array>();
    const { content } = streamBody(stream);
    stream.getReader();
    expect(() => streamBody(stream)).toThrow(usage);
    await expect(all(content)).rejects.toThrow(usage);
  });

  it('cancels the stream when sending stops, also while a chunk is awaited, or before the first', async () => {
    for (const started of [true, false]) {
      let cancelled = 0;
      const stream = new ReadableStream<Uint8Array>({
        cancel() {
          cancelled += 1;
        },
      });
      const iterator = (streamBody(stream).content as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
      const next = started ? iterator.next() : undefined;
      await iterator.return?.();
      expect(cancelled).toBe(1);
      if (next !== undefined) expect(await next).toEqual({ done: true, value: undefined });
      await iterator.return?.();
      expect(cancelled).toBe(1);
    }
  });

  it('pulls no more than is taken', async () => {
    let pulled = 0;
    const stream = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulled += 1;
          controller.enqueue(new Uint8Array(1));
        },
      },
      { highWaterMark: 0 },
    );
    const iterator = (streamBody(stream).content as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    await iterator.next();
    await iterator.next();
    expect(pulled).toBe(2);
    await iterator.return?.();
  });

  it('fails with the error of the stream', async () => {
    const failure = new Error('mine');
    const stream = new ReadableStream<Uint8Array>({
      pull() {
        throw failure;
      },
    });
    await expect(all(streamBody(stream).content)).rejects.toBe(failure);
  });
});
