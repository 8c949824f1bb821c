import { describe, expect, it } from 'vitest';
import { Application, HTTPError, RequestHandler } from '../../src/index.ts';
import { LogRecorder, TestClient, VirtualClock } from '../../src/testing/index.ts';

class Echo extends RequestHandler {
  override get(): void {
    this.writeJson({ host: this.request.host, cookies: Object.fromEntries(this.request.cookies) });
  }

  override post(): void {
    this.setHeader('Content-Type', this.request.headers.get('Content-Type') ?? 'none');
    this.write(this.request.body);
  }
}

class Fails extends RequestHandler {
  override get(): void {
    throw new HTTPError(503, 'no storage');
  }

  override async post(): Promise<void> {
    this.write('x');
    await this.flush();
    throw new Error('after the headers');
  }
}

class Remembers extends RequestHandler {
  override get(): void {
    this.setCookie('a', '1');
    this.setCookie('b', 'two words'.replace(' ', '-'));
  }

  override delete(): void {
    this.clearCookie('a');
  }
}

class Waits extends RequestHandler {
  static left: Promise<unknown> = new Promise(() => {});
  override get(): Promise<void> {
    return new Promise((_, reject) => {
      Waits.left = new Promise((resolve) => {
        this.signal.addEventListener('abort', () => {
          resolve(this.signal.reason);
          reject(this.signal.reason);
        });
      });
    });
  }
}

const routes = [
  ['/', Echo],
  ['/fails', Fails],
  ['/cookies', Remembers],
  ['/waits', Waits],
] as const;

describe('TestClient', () => {
  it('sends forms with files, and refuses what JSON would lose [TE-01]', async () => {
    await using client = new TestClient(new Application(routes));
    const form = new FormData();
    form.set('note', 'ä');
    form.set('file', new File(['content'], 'a.txt'));
    const sent = await client.request('/', { body: form });
    expect(sent.headers.get('Content-Type')).toMatch(/^multipart\/form-data; boundary=/);
    expect(sent.text()).toContain('filename="a.txt"');
    for (const body of [new Map(), new Blob(['x']), new ArrayBuffer(1), new Set()])
      await expect(client.request('/', { body })).rejects.toMatchObject({ code: 'ERR_WEB_USAGE' });
  });

  it('sends requests through the whole server, without a network [TE-01]', async () => {
    await using client = new TestClient(new Application(routes), { host: 'example.com' });
    const answer = await client.request('/?a=b');
    expect([answer.status, answer.json()]).toEqual([200, { host: 'example.com', cookies: {} }]);
    expect((await client.request('/nowhere')).status).toBe(404);
    const many = await Promise.all(Array.from({ length: 20 }, () => client.request('/')));
    expect(many.every(({ status }) => status === 200)).toBe(true);
  });

  it('sends text, bytes, forms and JSON, each with its type, of any size', async () => {
    await using client = new TestClient(new Application(routes));
    const post = async (body: object | string) => {
      const answer = await client.request('/', { body });
      return [answer.headers.get('Content-Type'), answer.text()];
    };
    expect(await post('ä')).toEqual(['text/plain; charset=UTF-8', 'ä']);
    expect(await post(Buffer.from('b'))).toEqual(['none', 'b']);
    expect(await post(new URLSearchParams({ a: 'b c' }))).toEqual([
      'application/x-www-form-urlencoded',
      'a=b+c',
    ]);
    expect(await post({ a: [1] })).toEqual(['application/json', '{"a":[1]}']);
    expect(await post('')).toEqual(['text/plain; charset=UTF-8', '']);
    const large = Buffer.alloc(3_000_000, 'x');
    expect((await client.request('/', { body: large, method: 'POST' })).body.length).toBe(large.length);
  });

  it('keeps cookies, and forgets those that are cleared', async () => {
    await using client = new TestClient(new Application(routes));
    await client.request('/cookies');
    expect((await client.request('/')).json()).toMatchObject({ cookies: { a: '1', b: 'two-words' } });
    await client.request('/cookies', { method: 'DELETE' });
    expect([...client.cookies.keys()]).toEqual(['b']);
  });

  it('rejects if the response is cut off, and if it leaves', async () => {
    using log = new LogRecorder();
    await using client = new TestClient(new Application(routes, { logger: log }));
    await expect(client.request('/fails', { method: 'POST' })).rejects.toMatchObject({ code: /ERR_HTTP/ });
    log.expect('error', 'after the headers');
    const controller = new AbortController();
    const answer = client.request('/waits', { signal: controller.signal });
    const leaves = expect(answer).rejects.toThrow('enough');
    setImmediate(() => setImmediate(() => controller.abort(new Error('enough'))));
    await leaves;
    expect(await Waits.left).toHaveProperty('code');
  });

  it('refuses unknown options by name', async () => {
    expect(() => new TestClient(new Application(), { hosts: 'a' } as object)).toThrow('did you mean "host"?');
    await using client = new TestClient(new Application());
    await expect(client.request('/', { json: {} } as object)).rejects.toThrow('unknown option "json"');
  });
});

describe('LogRecorder', () => {
  it('fails for warnings and errors that were not expected [TE-01]', async () => {
    const log = new LogRecorder();
    await using client = new TestClient(new Application(routes, { logger: log }));
    await client.request('/fails');
    expect(() => log.expectNothing()).toThrow('503 Service Unavailable: no storage');
    expect(() => log.expect('error', 'storage')).toThrow('expected a log record at level error');
    expect(log.expect('warn', /no storage/).level).toBe('warn');
    expect(() => log.expectNothing()).not.toThrow();
  });
});

describe('VirtualClock', () => {
  it('is the clock of an application [TE-01]', async () => {
    const clock = new VirtualClock(Date.UTC(2026, 0, 1));
    class Now extends RequestHandler {
      override get(): void {
        this.setSignedCookie('a', 'b');
      }
    }
    const settings = { clock, cookieSecret: 'a secret of at least thirty-two bytes, for tests only' };
    await using client = new TestClient(new Application([['/', Now]], settings));
    const [line] = (await client.request('/')).headers.getList('Set-Cookie');
    expect(line).toContain('Expires=Sat, 31 Jan 2026 00:00:00 GMT');
  });
});

describe('a form with files', () => {
  class Upload extends RequestHandler {
    override post(): void {
      const files = this.files.get('photo') ?? [];
      const names = files.map(
        ({ safeName, contentType, body }) => `${safeName} ${contentType} ${body.length}`,
      );
      this.writeJson({ title: this.getBodyArgument('title'), names });
    }
  }

  it('reaches a handler as arguments and files [IN-01] [HU-11]', async () => {
    using log = new LogRecorder();
    await using client = new TestClient(new Application([['/', Upload]], { logger: log }));
    const form = new FormData();
    form.set('title', 'Sea');
    form.append('photo', new File(['12345'], '../a.png', { type: 'image/png' }));
    const encoded = new Response(form);
    const headers = { 'Content-Type': encoded.headers.get('Content-Type') ?? '' };
    const answer = await client.request('/', { headers, body: Buffer.from(await encoded.arrayBuffer()) });
    expect(answer.json()).toEqual({ title: 'Sea', names: ['a.png image/png 5'] });
    const broken = await client.request('/', { headers, body: Buffer.from('--nothing') });
    expect(broken.status).toBe(400);
    log.expect('warn', 'the body ends before the last delimiter');
  });

  it('that is not a form says so in the 400', async () => {
    using log = new LogRecorder();
    await using client = new TestClient(new Application([['/', Upload]], { logger: log }));
    const answer = await client.request('/', {
      body: { title: 'Sea' },
      headers: { Accept: 'application/json' },
    });
    expect(answer.json()).toMatchObject({
      status: 400,
      detail: expect.stringContaining('read it with getJsonBody'),
    });
    log.expect('warn', 'missing argument "title"');
  });
});
