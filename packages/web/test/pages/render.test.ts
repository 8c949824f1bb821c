import { describe, expect, it } from 'vitest';
import { type Awaitable, HTTPError, type Html, html, RequestHandler } from '../../src/index.ts';
import { ask, bodyOf, headerOf, statusOf } from '../fixtures/raw-client.ts';
import { signalled, withApp } from '../fixtures/running-application.ts';

const later = <T>(value: T): Promise<T> => new Promise((resolve) => setImmediate(resolve, value));

describe('render', () => {
  it('responds with a page whose values are escaped [RN-01] [TP-02]', () => {
    class Page extends RequestHandler {
      override get(): void {
        void this.render(html`<h1>${this.getArgument('name')}</h1>`);
      }
    }
    return withApp([['/', Page]], async ({ port }) => {
      const response = await ask(port, '/?name=%3Cb%3EAnn%20%26%20Bo');
      expect(headerOf(response, 'Content-Type')).toBe('text/html; charset=UTF-8');
      expect(bodyOf(response)).toBe('<h1>&lt;b&gt;Ann &amp; Bo</h1>');
    });
  });

  it('calls a function with the data and with what templates see [RN-01]', () => {
    interface User {
      readonly name: string;
    }
    class Page extends RequestHandler {
      override getCurrentUser(): string {
        return 'ann';
      }
      override get(): void {
        void this.render(
          ({ name }: User, view) =>
            html`<a href="${view.reverseUrl('page')}">${name}, ${view.currentUser}, ${view.request.method}</a>`,
          { name: 'Bo' },
        );
      }
    }
    return withApp([['/', Page, {}, 'page']], async ({ port }) => {
      expect(bodyOf(await ask(port, '/'))).toBe('<a href="/">Bo, ann, GET</a>');
    });
  });

  it('waits for asynchronous values, also if the handler does not [RN-01] [TP-09]', () => {
    class Page extends RequestHandler {
      override get(): void {
        void this.render(html`<p>${later('one')}</p><p>${later('<two>')}</p>`);
      }
      override post(): void {
        this.finish(html`<p>${later('posted')}</p>`);
      }
      override async put(): Promise<void> {
        await this.render(async () => html`${later(await later('three'))}`);
      }
    }
    return withApp([['/', Page]], async ({ port, log }) => {
      expect(bodyOf(await ask(port, '/'))).toBe('<p>one</p><p>&lt;two&gt;</p>');
      expect(bodyOf(await ask(port, '/', 'POST'))).toBe('<p>posted</p>');
      expect(bodyOf(await ask(port, '/', 'PUT'))).toBe('three');
      expect(log.records).toEqual([]);
    });
  });

  it('in prepare keeps the verb from running, also if the page is asynchronous', () => {
    class Page extends RequestHandler {
      override prepare(): void {
        void this.render(html`<p>${later('from prepare')}</p>`);
      }
      override get(): void {
        throw new Error('the verb runs');
      }
    }
    return withApp([['/', Page]], async ({ port, log }) => {
      expect(bodyOf(await ask(port, '/'))).toBe('<p>from prepare</p>');
      expect(log.records).toEqual([]);
    });
  });

  it('sends what is known before it waits, after flush [RN-01]', () => {
    const value = signalled<string>();
    class Page extends RequestHandler {
      override async get(): Promise<void> {
        void this.flush();
        await this.render(html`<h1>first</h1>${value.promise}<p>last</p>`);
      }
    }
    return withApp([['/', Page]], async ({ url }) => {
      const response = await fetch(url);
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('<h1>first</h1>');
      value.resolve('second');
      let rest = '';
      for (let next = await reader.read(); !next.done; next = await reader.read())
        rest += Buffer.from(next.value);
      expect(rest).toBe('second<p>last</p>');
    });
  });

  it('is an error page if a value rejects, and a cut response after flush [ATT-72]', () => {
    class Page extends RequestHandler {
      override async get(): Promise<void> {
        if (this.getArgument('flush', '') !== '') void this.flush();
        // Not awaited, so that the application has to notice it.
        void this.render(
          html`<p>secret ${later('part')}</p>${later('').then(() => Promise.reject(new Error('broken')))}`,
        );
      }
    }
    return withApp([['/', Page]], async ({ port, url, log }) => {
      const response = await ask(port, '/');
      expect([statusOf(response), response.includes('secret')]).toEqual([500, false]);
      await expect(fetch(`${url}?flush=1`).then((answer) => answer.text())).rejects.toThrow();
      expect(log.records.map(({ error }) => (error as Error).message)).toEqual(['broken', 'broken']);
    });
  });

  it('stops when the client leaves, and closes async iterables [TP-09]', () => {
    const closed = signalled();
    const started = signalled();
    async function* rows(): AsyncGenerator<Html> {
      try {
        for (let row = 0; ; row += 1) {
          yield html`<p>${row}</p>`;
          started.resolve();
          await later(undefined);
        }
      } finally {
        closed.resolve();
      }
    }
    class Page extends RequestHandler {
      override async get(): Promise<void> {
        void this.flush();
        await this.render(html`<main>${rows()}</main>`);
      }
    }
    return withApp([['/', Page]], async ({ url, log }) => {
      const leaving = new AbortController();
      const response = await fetch(url, { signal: leaving.signal });
      await response.body?.getReader().read();
      await started.promise;
      leaving.abort();
      await closed.promise;
      expect(log.records.filter(({ level }) => level !== 'debug')).toEqual([]);
    });
  });

  it.each([
    ['an error', '/error', 500],
    ['a redirect', '/redirect', 302],
    ['a timeout with an asynchronous error page', '/timeout', 503],
  ])('stops, and closes what it reads, when %s replaces the page [ATT-72]', (_what, path, status) => {
    const closed = signalled();
    async function* rows(): AsyncGenerator<string> {
      try {
        yield 'row';
        // Does not settle before the page is stopped.
        await new Promise<void>((resolve) => stopping.promise.then(resolve));
      } finally {
        closed.resolve();
      }
    }
    const stopping = signalled();
    class Page extends RequestHandler {
      override async get(): Promise<void> {
        const rendering = this.render(html`<main>${rows()}</main>`);
        await later(undefined);
        if (path === '/redirect') this.redirect('/elsewhere');
        if (path === '/error') throw new HTTPError(500);
        await rendering;
      }
      override writeError(error: number): Awaitable {
        return this.render(html`<p>${later(error)}</p>`);
      }
    }
    return withApp([[path, Page, {}, { handlerTimeoutMs: 50 }]], async ({ port }) => {
      expect(statusOf(await ask(port, path))).toBe(status);
      stopping.resolve();
      await closed.promise;
    });
  });

  it('closes what a page reads if the page comes too late, or is refused', () => {
    const closed: string[] = [];
    const rows = (name: string): AsyncIterable<string> => ({
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => {}),
        return: async () => {
          closed.push(name);
          return { done: true, value: undefined };
        },
      }),
    });
    class Page extends RequestHandler {
      override get(): void {
        expect(() => this.write(html`${rows('written')}`)).toThrow(/toPromise/);
        this.finish('whole');
        expect(() => this.render(html`${rows('rendered')}`)).toThrow(/already complete/);
        expect(() => this.finish(html`${rows('finished')}`)).toThrow(/already complete/);
      }
    }
    return withApp([['/', Page]], async ({ port, log }) => {
      expect(bodyOf(await ask(port, '/'))).toBe('whole');
      expect(closed).toEqual(['written', 'rendered', 'finished']);
      expect(log.records).toEqual([]);
    });
  });

  it('refuses to write beside a page that is being rendered', () => {
    class Page extends RequestHandler {
      override async get(): Promise<void> {
        const rendering = this.render(html`<p>${later('page')}</p>`);
        expect(() => this.write('beside')).toThrow(/write: a page is being rendered; await render before/);
        await rendering;
      }
    }
    return withApp([['/', Page]], async ({ port, log }) => {
      expect(bodyOf(await ask(port, '/'))).toBe('<p>page</p>');
      expect(log.records).toEqual([]);
    });
  });

  it('refuses a second page, text instead of a page, and a function without return', () => {
    class Page extends RequestHandler {
      override async get(): Promise<void> {
        const kind = this.getArgument('kind');
        if (kind === 'twice') {
          const first = this.render(html`${later('first')}`);
          expect(() => this.render(html`second`)).toThrow(
            /render: a page is being rendered; await the first call/,
          );
          await first;
        } else if (kind === 'text') {
          expect(() => this.render('hello')).toThrow(
            /needs the setting templateEngine; for text, call write/,
          );
        } else if (kind === 'function') {
          expect(() => this.render((() => undefined) as never)).toThrow(
            /must return Html, got undefined; is there a return\?/,
          );
        } else {
          expect(() => this.render(Promise.resolve(html`x`) as never)).toThrow(
            /render: a page: Html, a function/,
          );
          expect(() => this.write(html`${later('x')}`)).toThrow(/toPromise/);
        }
      }
    }
    return withApp([['/', Page]], async ({ port, log }) => {
      expect(bodyOf(await ask(port, '/?kind=twice'))).toBe('first');
      for (const kind of ['text', 'function', 'other']) {
        expect(statusOf(await ask(port, `/?kind=${kind}`))).toBe(200);
      }
      expect(log.records).toEqual([]);
    });
  });

  it('makes text for other uses, such as a mail [RN-01]', () => {
    class Page extends RequestHandler {
      override async get(): Promise<void> {
        const known = this.renderString(html`<p>${'<now>'}</p>`);
        const waited = this.renderString(html`<p>${later('later')}</p>`);
        expect(typeof known).toBe('string');
        this.write({ known: await known, waited: await waited });
      }
    }
    return withApp([['/', Page]], async ({ port }) => {
      expect(JSON.parse(bodyOf(await ask(port, '/')))).toEqual({
        known: '<p>&lt;now&gt;</p>',
        waited: '<p>later</p>',
      });
    });
  });

  it('can be an error page of a handler or of the application [OUT-08]', () => {
    class Broken extends RequestHandler {
      override get(): void {
        throw new Error('broken');
      }
      override writeError(status: number): void {
        void this.render(html`<h1>${status}</h1>${later('sorry')}`);
      }
    }
    return withApp([['/', Broken]], async ({ port }) => {
      const response = await ask(port, '/');
      expect([statusOf(response), bodyOf(response)]).toEqual([500, '<h1>500</h1>sorry']);
    });
  });
});

describe('a handler in plain JavaScript', () => {
  it.each([
    ['text', () => 'hello'],
    ['HTML', () => html`<p>hello</p>`],
    ['bytes', async () => Buffer.from('hello')],
    ['an object', () => ({ greeting: 'hello' })],
    ['a list', async () => ['hello']],
    ['a Response', () => new Response('hello')],
  ])('is told that it returned %s instead of writing it', (_what, get) => {
    class Returns extends RequestHandler {}
    Object.assign(Returns.prototype, { get });
    return withApp([['/', Returns]], async ({ port, log }) => {
      expect(statusOf(await ask(port, '/'))).toBe(500);
      expect(log.records[0]?.error).toMatchObject({
        message: expect.stringMatching(/returned its content, which is not sent: call this\.write/),
      });
    });
  });

  it('may return anything if it has written', () => {
    class Writes extends RequestHandler {}
    Object.assign(Writes.prototype, {
      get(this: RequestHandler) {
        this.write('written');
        return 'returned';
      },
      put: () => ({ changes: 1 }),
    });
    return withApp([['/', Writes]], async ({ port }) => {
      expect(bodyOf(await ask(port, '/'))).toBe('written');
      expect(statusOf(await ask(port, '/', 'PUT'))).toBe(200);
    });
  });
});

describe('write and finish', () => {
  it('take HTML as it is, in handlers and middleware', () => {
    class Page extends RequestHandler {
      override get(): void {
        this.write(html`<p>${'<a>'}</p>`);
        this.finish(html`<p>end</p>`);
      }
      override post(): void {
        this.write({ fragment: html`<p>${1}</p>` });
      }
    }
    return withApp(
      [['/', Page]],
      async ({ port }) => {
        expect(bodyOf(await ask(port, '/'))).toBe('<p>&lt;a&gt;</p><p>end</p>');
        expect(bodyOf(await ask(port, '/', 'POST'))).toBe('{"fragment":"<p>1</p>"}');
        expect(bodyOf(await ask(port, '/other'))).toBe('<p>from middleware</p>');
      },
      {
        middleware: [
          ({ request, response }, next) =>
            request.path === '/' ? next() : response.finish(200, html`<p>from middleware</p>`),
        ],
      },
    );
  });
});
