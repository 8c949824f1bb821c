import { describe, expect, it } from 'vitest';
import { html } from '../../src/html/html.ts';
import type { Html } from '../../src/html/html-value.ts';
import type { HtmlSink } from '../../src/html/rendering.ts';
import { signalled } from '../fixtures/running-application.ts';
import { recorded } from './recorded-warnings.ts';

/** Records what is written, with `|` for each flush. */
class RecordingSink implements HtmlSink {
  text = '';
  flushes = 0;
  onFlush: () => void | PromiseLike<void> = () => {};

  write(text: string): void {
    this.text += text;
  }

  flush(): void | PromiseLike<void> {
    this.text += '|';
    this.flushes += 1;
    return this.onFlush();
  }
}

async function* items(...values: readonly string[]): AsyncGenerator<string> {
  yield* values;
}

function* itemsOf<T>(values: readonly T[]): Generator<T> {
  yield* values;
}

/** Yields one item. */
async function* asyncItemsOf<T>(item: T): AsyncGenerator<Awaited<T>> {
  yield await item;
}

/** An async iterable that counts how often `return` was called, and never has an item. */
function stuck() {
  const state = { returns: 0, nexts: 0 };
  const iterable: AsyncIterable<string> = {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        state.nexts += 1;
        return new Promise(() => {});
      },
      return: () => {
        state.returns += 1;
        return new Promise(() => {});
      },
    }),
  };
  return { state, iterable };
}

/** What `run` leaves behind as unhandled rejections. */
async function unhandledIn(run: () => unknown): Promise<unknown[]> {
  const reasons: unknown[] = [];
  const listener = (reason: unknown): number => reasons.push(reason);
  process.on('unhandledRejection', listener);
  try {
    await run();
    // Node reports unhandled rejections after the microtasks of a task.
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off('unhandledRejection', listener);
  }
  return reasons;
}

const error = new Error('from the program');

/** A promise that is rejected later. */
function rejectable(): { readonly promise: Promise<string>; reject(reason: unknown): void } {
  const late = signalled();
  let reason: unknown;
  const promise = late.promise.then(() => Promise.reject(reason));
  return {
    promise,
    reject(error) {
      reason = error;
      late.resolve();
    },
  };
}

describe('html with asynchronous values', () => {
  it('awaits promises and async iterables, in order', async () => {
    const page = html`<p>${Promise.resolve('<')}${items('a', '&')}${[Promise.resolve([1, Promise.resolve(2)])]}</p>`;
    expect(page.isAsync).toBe(true);
    expect(await page.toPromise()).toBe('<p>&lt;a&amp;12</p>');
  });

  it('awaits thenables, and reads web streams', async () => {
    // biome-ignore lint/suspicious/noThenProperty: the subject of the test
    const thenable = { then: (resolve: (value: string) => void) => resolve('a') };
    const stream = new ReadableStream<string>({
      start(controller) {
        controller.enqueue('<');
        controller.close();
      },
    });
    expect(await html`${thenable as PromiseLike<string>}${stream}`.toPromise()).toBe('a&lt;');
  });

  it('is not asynchronous if no value is, and then needs no promise', async () => {
    const page = html`<p>${[1, html`<b>`]}</p>`;
    expect(page.isAsync).toBe(false);
    const sink = new RecordingSink();
    await page.renderTo(sink);
    expect([sink.text, await page.toPromise()]).toEqual(['<p>1<b></p>', '<p>1<b></p>']);
  });

  it('awaits values in HTML that is a value', async () => {
    const inner = html`<i>${Promise.resolve(html`<b>${items('x')}</b>`)}</i>`;
    expect(await html`<p>${inner}${[inner.isAsync ? 1 : 0]}</p>`.toPromise()).toBe('<p><i><b>x</b></i>1</p>');
  });

  it('awaits values in attributes', async () => {
    const later = (value: unknown) => Promise.resolve(value as string);
    const page = html`<a class="a ${later('"')}" id=${later(null)} hidden=${later(true)} title=${later([1, later(2)])}
      href="${later('java')}${'script:x'}" lang=${items('d', 'e')}>${later('')}</a><title>${later('<')}</title>`;
    let text = '';
    await recorded(async () => {
      text = await page.toPromise();
    });
    expect(text.replace(/\s+/g, ' ')).toBe(
      '<a class="a &quot;" hidden title="12" href="about:blank#blocked" lang="de"></a><title>&lt;</title>',
    );
  });

  it('has no text yet', () => {
    const page = html`${Promise.resolve(1)}`;
    expect(() => String(page)).toThrow(expect.objectContaining({ code: 'ERR_WEB_USAGE' }));
  });

  it('flushes what is ready before each wait, and not without a wait', async () => {
    const [first, second] = [signalled<string>(), signalled<string>()];
    const sink = new RecordingSink();
    const written =
      html`a${Promise.resolve('b')}c${first.promise}d${second.promise}e${items('1', '2', '3')}f`.renderTo(
        sink,
      );
    sink.onFlush = () => (sink.flushes === 1 ? first.resolve('1') : second.resolve('2'));
    await written;
    expect(sink.text).toBe('abc|1d|2e123f');
  });

  it('waits for a flush that returns a promise', async () => {
    const flushed = signalled();
    const value = signalled<string>();
    const sink = new RecordingSink();
    sink.onFlush = () => {
      value.resolve('x');
      return flushed.promise;
    };
    const written = html`a${value.promise}b`.renderTo(sink);
    await new Promise((resolve) => setImmediate(resolve));
    expect(sink.text).toBe('a|');
    flushed.resolve();
    await written;
    expect(sink.text).toBe('a|xb');
  });

  it('limits what is written without a flush, also if an iterable never waits', async () => {
    async function* endless(): AsyncGenerator<string> {
      for (;;) yield 'x'.repeat(1_000);
    }
    const sink = new RecordingSink();
    const gone = new Error('the client has left');
    sink.onFlush = () => {
      if (sink.flushes === 10) throw gone;
    };
    await expect(html`${endless()}`.renderTo(sink)).rejects.toBe(gone);
    expect(sink.text.length).toBeLessThan(10 * 18_000);
  });

  it('rejects with the error of a value, after what came before', async () => {
    const sink = new RecordingSink();
    const page = html`a${Promise.reject(error)}b`;
    await expect(page.renderTo(sink)).rejects.toBe(error);
    expect(sink.text).toBe('a');
    async function* failing(): AsyncGenerator<string> {
      yield 'x';
      throw error;
    }
    await expect(html`a${failing()}`.toPromise()).rejects.toBe(error);
    await expect(html`<p title="${Promise.reject(error)}">`.toPromise()).rejects.toBe(error);
    await expect(html`${Promise.resolve(new Map() as Iterable<string>)}`.toPromise()).rejects.toThrow(/Map/);
  });

  it('causes no unhandled rejection, rendered or not', async () => {
    const reject = () => Promise.reject(error);
    const reasons = await unhandledIn(async () => {
      html`${reject()}<p title="${reject()}" id=${reject()}>${[reject(), [reject()]]}`;
      expect(() => html`<!-- ${reject()} -->`).toThrow();
      expect(() => html`${reject()}${new Map() as Iterable<string>}${reject()}${[reject()]}`).toThrow();
      await expect(html`${reject()}${reject()}<p title=${reject()}>`.toPromise()).rejects.toBe(error);
      html`${reject()}`.cancel();
      const controller = new AbortController();
      const late = signalled<string>();
      const aborted = html`a${late.promise.then(reject)}`.toPromise({ signal: controller.signal });
      controller.abort();
      await expect(aborted).rejects.toThrow();
      late.resolve('');
    });
    expect(reasons).toEqual([]);
  });

  it.each<[string, (later: () => Promise<string>, date: string) => Html]>([
    ['an array in an array', (later, date) => html`${date}${[[later()]]}`],
    ['the same array', (later, date) => html`${[1, 2].map(() => [date, later()])}`],
    ['a set', (later, date) => html`${date}${new Set([later()])}`],
    ['values of a map', (later, date) => html`${date}${new Map([[1, later()]]).values()}`],
    ['an iterator that was being read', (later, date) => html`${[date, later()].values()}`],
    ['an item of a generator', (later, date) => html`${itemsOf([later(), [date, later()]])}`],
    ['HTML', (later, date) => html`${date}${[html`${Promise.resolve([later()])}`]}`],
    ['a promise of a promise', (later, date) => html`${date}${Promise.resolve([[later()]])}`],
    ['the same promise', (later, date) => html`${Promise.resolve([date, [later()]])}`],
    ['an item of an async generator', (later, date) => html`${asyncItemsOf([date, later()])}`],
    ['an attribute', (later, date) => html`<p title="${[date, later()]}">`],
    ['a whole attribute', (later, date) => html`<p title=${Promise.resolve([date, later()])}>`],
    ['a URL', (later, date) => html`<a href="${[later()]}${[date, [later()]]}">`],
    ['a script', (later) => html`<script>${[later()]}</script>`],
  ])('causes no unhandled rejection of a promise in %s if a value cannot be printed', async (_, page) => {
    const rejections: Array<() => void> = [];
    const later = (): Promise<string> => {
      const { promise, reject } = rejectable();
      rejections.push(() => reject(error));
      return promise;
    };
    const reasons = await unhandledIn(async () => {
      const printing = async (): Promise<string> =>
        await page(later, new Date(0) as unknown as string).toPromise();
      await expect(printing()).rejects.toMatchObject({ code: 'ERR_WEB_USAGE' });
      expect(rejections.length).toBeGreaterThan(0);
      for (const reject of rejections) reject();
    });
    expect(reasons).toEqual([]);
  });

  it('causes no unhandled rejection of a promise in a result that is printed later, or never', async () => {
    const first = signalled<string>();
    const { promise, reject } = rejectable();
    const reasons = await unhandledIn(async () => {
      html`${Promise.resolve([[promise]])}`;
      const page = html`${first.promise}${Promise.resolve([Promise.resolve([promise])])}`.toPromise();
      await new Promise((resolve) => setImmediate(resolve));
      reject(error);
      await new Promise((resolve) => setImmediate(resolve));
      first.resolve('');
      await expect(page).rejects.toBe(error);
    });
    expect(reasons).toEqual([]);
  });

  it('causes no unhandled rejection of a promise in an item that arrives after an abort', async () => {
    const { promise, reject } = rejectable();
    const item = signalled<Iterable<Promise<string>>>();
    const controller = new AbortController();
    const reasons = await unhandledIn(async () => {
      const page = html`a${asyncItemsOf(item.promise)}`.toPromise({ signal: controller.signal });
      controller.abort(error);
      await expect(page).rejects.toBe(error);
      item.resolve([promise]);
      await new Promise((resolve) => setImmediate(resolve));
      reject(error);
    });
    expect(reasons).toEqual([]);
  });

  it('releases values that contain themselves, and reads no iterable of the program', () => {
    const circular: unknown[] = [];
    circular.push(circular, circular);
    let reads = 0;
    const unread = {
      [Symbol.iterator]: () => {
        reads += 1;
        return [].values();
      },
    };
    const deep = Array.from({ length: 100_000 }).reduce<unknown[]>((inner) => [inner], []);
    const hostile = {
      // biome-ignore lint/suspicious/noThenProperty: the subject of the test
      get then() {
        throw error;
      },
    } as unknown as string;
    const usage = expect.objectContaining({ code: 'ERR_WEB_USAGE' });
    const date = new Date(0) as unknown as string;
    expect(() => html`${date}${[circular, deep, unread, hostile] as string[]}`).toThrow(usage);
    expect(() => html`${circular as string[]}`).toThrow(usage);
    expect(reads).toBe(0);
  });

  it('stops when the signal aborts, and closes all async iterables', async () => {
    const [current, next, nested] = [stuck(), stuck(), stuck()];
    const late = signalled<string>();
    const controller = new AbortController();
    const sink = new RecordingSink();
    const page = html`a${current.iterable}${html`<b>${next.iterable}`}<p title="${nested.iterable}">
      ${late.promise.then(() => nested.iterable)}`;
    sink.onFlush = () => controller.abort(error);
    await expect(page.renderTo(sink, { signal: controller.signal })).rejects.toBe(error);
    expect(sink.text).toBe('a|');
    expect([current.state, next.state, nested.state]).toEqual([
      { returns: 1, nexts: 1 },
      { returns: 1, nexts: 0 },
      { returns: 1, nexts: 0 },
    ]);
    late.resolve('');
    await new Promise((resolve) => setImmediate(resolve));
    expect(nested.state).toEqual({ returns: 2, nexts: 0 });
  });

  it('does not start if the signal has aborted, and closes async iterables', async () => {
    const { state, iterable } = stuck();
    const sink = new RecordingSink();
    const signal = AbortSignal.abort(error);
    await expect(html`a${iterable}`.renderTo(sink, { signal })).rejects.toBe(error);
    expect([sink.text, state]).toEqual(['', { returns: 1, nexts: 0 }]);
  });

  it('closes async iterables if a flush rejects or write throws', async () => {
    for (const broken of ['flush', 'write'] as const) {
      const { state, iterable } = stuck();
      const sink = { write() {}, flush() {}, [broken]: () => Promise.reject(error) };
      if (broken === 'write') {
        sink.write = () => {
          throw error;
        };
      }
      await expect(html`a${iterable}`.renderTo(sink)).rejects.toBe(error);
      expect(state.returns).toBe(1);
    }
  });

  it('closes async iterables when it is cancelled', async () => {
    const { state, iterable } = stuck();
    const page = html`<p>${[html`${iterable}`]}</p>`;
    page.cancel();
    page.cancel();
    expect(state).toEqual({ returns: 1, nexts: 0 });
    await expect(page.toPromise()).rejects.toThrow(/only once/);
    html`<p>`.cancel();
  });

  it('can be rendered repeatedly with promises, but only once with async iterables', async () => {
    const promises = html`${Promise.resolve([1, 2].values())}`;
    expect([await promises.toPromise(), await promises.toPromise()]).toEqual(['12', '12']);
    const usage = expect.objectContaining({ code: 'ERR_WEB_USAGE' });
    const generator = items('a');
    const page = html`${generator}`;
    expect(await page.toPromise()).toBe('a');
    await expect(page.toPromise()).rejects.toEqual(usage);
    await expect(html`b${generator}`.toPromise()).rejects.toEqual(usage);
    const later = html`${Promise.resolve(items('a'))}`;
    expect(await later.toPromise()).toBe('a');
    await expect(later.toPromise()).rejects.toEqual(usage);
  });

  it('refuses promises and iterables without an end', async () => {
    const circular: Promise<unknown> = Promise.resolve().then(() => [circular]);
    await expect(html`${circular as Promise<string>}`.toPromise()).rejects.toThrow(/at most 100 levels/);
    const endless: AsyncIterable<string> = {
      async *[Symbol.asyncIterator]() {
        yield endless as unknown as string;
      },
    };
    await expect(html`${endless}`.toPromise()).rejects.toThrow(/at most 100 levels/);
  });

  it('refuses a sink without the methods, and unknown options', async () => {
    const page = html`${Promise.resolve(1)}`;
    const usage = expect.objectContaining({ code: 'ERR_WEB_USAGE' });
    await expect(page.renderTo({} as HtmlSink)).rejects.toEqual(usage);
    await expect(page.toPromise({ signals: 1 } as object)).rejects.toThrow(/signals/);
    await expect(page.toPromise({ signal: 1 as unknown as AbortSignal })).rejects.toEqual(usage);
  });
});
