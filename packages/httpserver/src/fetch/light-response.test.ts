import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { LightResponse } from './light-response.ts';
import { NativeResponse } from './native-objects.ts';

/** With `bytes`, which the types of Node 20 lack. */
interface Readable extends Response {
  bytes(): Promise<Uint8Array>;
  clone(): Readable;
}

interface ReadableClass extends Omit<typeof Response, 'redirect'> {
  new (...args: ConstructorParameters<typeof Response>): Readable;
  redirect(url: string, status?: number): Response;
}

const Light = LightResponse as unknown as ReadableClass;
const Native = NativeResponse as unknown as ReadableClass;

type Arguments = ConstructorParameters<typeof Response>;

/** What a program can see of a response before it reads the body. */
function seen(response: Response): unknown {
  const { status, statusText, ok, type, url, redirected, bodyUsed, body } = response;
  return {
    status,
    statusText,
    ok,
    type,
    url,
    redirected,
    bodyUsed,
    hasBody: body !== null,
    headers: [...response.headers],
  };
}

describe('LightResponse', () => {
  it.each<[string, () => Arguments]>([
    ['nothing', () => []],
    ['null', () => [null]],
    ['text', () => ['té\u2713xt']],
    ['text with a lone surrogate', () => ['a\ud800b']],
    ['text with a byte order mark', () => ['\ufefftext']],
    ['text and a status', () => ['text', { status: 404, statusText: 'Nope' }]],
    ['a status that is a string', () => ['text', { status: '201' as never }]],
    ['text and a type', () => ['text', { headers: { 'content-type': 'text/html' } }]],
    [
      'text and headers',
      () => [
        'text',
        {
          headers: [
            ['a', '1'],
            ['A', '2'],
          ],
        },
      ],
    ],
    ['text and Headers', () => ['text', { headers: new Headers({ a: '1' }) }]],
    ['null and a null body status', () => [null, { status: 304 }]],
    ['bytes', () => [new Uint8Array([1, 2, 255])]],
    ['a Buffer', () => [Buffer.from('buffer')]],
    ['an empty buffer', () => [new ArrayBuffer(0)]],
    ['a form', () => [new URLSearchParams('a=1&b=2')]],
    ['a Blob', () => [new Blob(['text'], { type: 'text/css' })]],
    ['a Blob without a type', () => [new Blob(['text'])]],
    ['a number', () => [7 as never]],
    ['a stream', () => [new Blob(['text']).stream()]],
    ['an init of undefined values', () => ['text', { status: undefined, headers: undefined } as never]],
    ['an init that is null', () => ['text', null as never]],
  ])('made of %s is like a native one', async (_what, create) => {
    const light = new Light(...create());
    const native = new Native(...create());
    expect(seen(light)).toEqual(seen(native));
    expect(seen(light.clone())).toEqual(seen(native.clone()));
    for (const read of ['arrayBuffer', 'text', 'bytes', 'blob'] as const) {
      const one = new Light(...create());
      const two = new Native(...create());
      expect(await one[read]()).toEqual(await two[read]());
      expect(one.bodyUsed).toBe(two.bodyUsed);
    }
  });

  it.each<[string, () => Arguments]>([
    ['a status below 200', () => ['x', { status: 101 }]],
    ['a status above 599', () => ['x', { status: 600 }]],
    ['a status that is no number', () => ['x', { status: Number.NaN }]],
    ['a body with a null body status', () => ['', { status: 204 }]],
    ['bytes with a null body status', () => [new Uint8Array(0), { status: 205 }]],
    ['a reason with a line end', () => ['x', { statusText: 'a\nb' }]],
    ['a reason that is no latin1', () => ['x', { statusText: '\u2713' }]],
    ['an invalid header', () => ['x', { headers: { 'a b': '1' } }]],
    ['a locked stream', () => [lockedStream()]],
  ])('throws for %s as the native one does', (_what, create) => {
    const thrown = (make: () => unknown) => {
      try {
        make();
        return 'nothing';
      } catch (error) {
        return (error as Error).name;
      }
    };
    expect(thrown(() => new Light(...create()))).toBe(thrown(() => new Native(...create())));
    expect(thrown(() => new Light(...create()))).not.toBe('nothing');
  });

  it('keeps a copy of bytes', async () => {
    const bytes = new Uint8Array([1]);
    const response = new Light(bytes);
    bytes[0] = 2;
    expect([...(await response.bytes())]).toEqual([1]);
  });

  it('has the stream that it was made of', () => {
    const stream = new ReadableStream();
    expect(new Light(stream).body).toBe(stream);
  });

  it('reads JSON and forms', async () => {
    expect(await new Light('{"a":1}').json()).toEqual({ a: 1 });
    await expect(new Light('{').json()).rejects.toThrow(SyntaxError);
    const form = new FormData();
    form.set('a', 'b');
    expect((await new Light(form).formData()).get('a')).toBe('b');
    expect((await new Light(new URLSearchParams('a=b')).formData()).get('a')).toBe('b');
    await expect(new Light('text').formData()).rejects.toThrow();
  });

  it('has a body that is read once', async () => {
    for (const body of ['text', new Uint8Array(4), new Blob(['text']), new Blob(['text']).stream()]) {
      const response = new Light(body);
      expect(response.bodyUsed).toBe(false);
      await response.text();
      expect(response.bodyUsed).toBe(true);
      for (const read of ['text', 'json', 'arrayBuffer', 'bytes', 'blob', 'formData'] as const) {
        await expect(response[read]()).rejects.toThrow(TypeError);
      }
      expect(() => response.clone()).toThrow(TypeError);
      expect(response.body?.locked === true || response.bodyUsed).toBe(true);
    }
  });

  it('gives its text as a stream, which then holds it', async () => {
    const response = new Light('text');
    const { body } = response;
    expect(response.body).toBe(body);
    expect(await new Native(body).text()).toBe('text');
    expect(response.bodyUsed).toBe(true);
    await expect(response.text()).rejects.toThrow(TypeError);
  });

  it('has clones that are independent', async () => {
    for (const body of ['text', new Uint8Array([116]), new Blob(['text']), new Blob(['text']).stream()]) {
      const response = new Light(body, { status: 201, headers: { a: '1' } });
      const copy = response.clone();
      copy.headers.set('a', '2');
      expect([response.headers.get('a'), copy.headers.get('a'), copy.status]).toEqual(['1', '2', 201]);
      expect(await copy.text()).toBe(await response.text());
    }
  });

  it('can be the init of another response, native or light', async () => {
    const response = new Light('text', { status: 202, headers: { a: '1' } });
    for (const copy of [new Light('x', response), new Native('x', response)]) {
      expect([copy.status, copy.headers.get('a'), copy.headers.get('content-type')]).toEqual([
        202,
        '1',
        'text/plain;charset=UTF-8',
      ]);
    }
    const empty = new Light();
    empty.headers.set('a', '2');
    expect(new Light(null, empty).headers.get('a')).toBe('2');
    expect(new Light().headers.get('a')).toBe(null);
  });

  it('is a Response for code that looks', () => {
    const response = new Light('text');
    expect(response instanceof NativeResponse).toBe(true);
    expect(new Native() instanceof Light).toBe(true);
    expect(String(response)).toBe('[object Response]');
    expect([Light.name, response.constructor]).toEqual(['Response', NativeResponse]);
    expect(inspect(response)).toContain('status: 200');
  });

  it('can be extended', () => {
    class Page extends Light {
      readonly title: string;
      constructor(title: string) {
        super(title, { status: 201 });
        this.title = title;
      }
    }
    const page = new Page('title');
    expect([page.title, page.status, page instanceof Page, page instanceof Light]).toEqual([
      'title',
      201,
      true,
      true,
    ]);
    expect([new Light() instanceof Page, new Native() instanceof Page]).toEqual([false, false]);
    class Article extends Page {}
    const article = new Article('article');
    expect([article instanceof Page, page instanceof Article, article instanceof NativeResponse]).toEqual([
      true,
      false,
      true,
    ]);
    expect([null, 'text', {}].some((value) => (value as object) instanceof Light)).toBe(false);
  });

  it('has the static methods', async () => {
    const json = Light.json({ a: [1] }, { status: 201, headers: { b: '2' } });
    const native = NativeResponse.json({ a: [1] }, { status: 201, headers: { b: '2' } });
    expect([seen(json), await json.text()]).toEqual([seen(native), await native.text()]);
    expect(() => Light.json(undefined)).toThrow(TypeError);
    expect(seen(Light.redirect('http://a/b c', 301))).toEqual(seen(Native.redirect('http://a/b c', 301)));
    expect(seen(Light.redirect('http://a/', '303' as never))).toEqual(
      seen(Native.redirect('http://a/', '303' as never)),
    );
    expect(() => Light.redirect('/relative')).toThrow(TypeError);
    expect(() => Light.redirect('http://a/', 200)).toThrow(RangeError);
    expect(Light.error().type).toBe('error');
  });

  it('has the interface of the native class', () => {
    const native = Object.getOwnPropertyNames(NativeResponse.prototype);
    const response = new Light('text') as unknown as Record<string, unknown>;
    expect(native.filter((name) => name !== 'constructor' && response[name] === undefined)).toEqual([]);
  });
});

function lockedStream(): ReadableStream {
  const stream = new ReadableStream();
  stream.getReader();
  return stream;
}
