import { HTTPHeaders } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import { HTTPError } from '../errors.ts';
import { MultipartReader, type MultipartReaderOptions } from './multipart-reader.ts';
import type { PartSink } from './part-sink.ts';

const headers = new HTTPHeaders().set('Content-Type', 'multipart/form-data; boundary=b');
const part = (disposition: string, body: string): string =>
  `--b\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${body}\r\n`;
const FILE = part('name=f; filename=x', 'abc');
const usage = expect.objectContaining({ name: 'WebUsageError', code: 'ERR_WEB_USAGE' });

function readerWith(options: Partial<MultipartReaderOptions> = {}): MultipartReader {
  return new MultipartReader(headers, { onPart: () => undefined, ...options });
}

/** Writes down what it is called with; `pending` makes each write wait for ever. */
class RecordingSink implements PartSink {
  readonly events: string[] = [];
  readonly #pending: boolean;

  constructor(pending = false) {
    this.#pending = pending;
  }

  write(chunk: Uint8Array): void | Promise<void> {
    this.events.push(Buffer.from(chunk).toString());
    if (this.#pending) return new Promise(() => {});
  }

  close(): void {
    this.events.push('close');
  }

  abort(reason: unknown): void {
    this.events.push(`abort ${(reason as Error).message}`);
  }
}

describe('MultipartReader', () => {
  it('collects fields, and passes parts to sinks, without a promise if no sink returns one', async () => {
    const sink = new RecordingSink();
    const reader = readerWith({ onPart: ({ filename }) => (filename === undefined ? undefined : sink) });
    const bytes = Buffer.from(`${part('name=a', '1')}${FILE}${part('name=__proto__', '2')}--b--`);
    for (const byte of bytes) expect(reader.write(Buffer.from([byte]))).toBeUndefined();
    const { fields, files } = await reader.finish();
    expect([...fields]).toEqual([
      ['a', ['1']],
      ['__proto__', ['2']],
    ]);
    expect(sink.events).toEqual(['a', 'b', 'c', 'close']);
    expect(files.get('f')?.map(({ filename, byteLength, path }) => [filename, byteLength, path])).toEqual([
      ['x', 3, undefined],
    ]);
    expect(await reader.finish()).toEqual({ fields, files });
  });

  it('discards a file without a sink, and gives a field to a sink that wants it', async () => {
    const sink = new RecordingSink();
    const types: string[] = [];
    const reader = readerWith({
      onPart(found) {
        types.push(found.contentType);
        return found.filename === undefined ? sink : undefined;
      },
    });
    void reader.write(Buffer.from(`${part('name=a', '1')}${FILE}--b--`));
    const { fields, files } = await reader.finish();
    expect([fields.size, [...files.keys()], sink.events]).toEqual([0, ['a'], ['1', 'close']]);
    expect(types).toEqual(['text/plain', 'application/unknown']);
  });

  it('waits for onPart, and for each write and close, before it goes on', async () => {
    const events: string[] = [];
    const turn = (event: string): Promise<void> =>
      new Promise((resolve) => {
        events.push(`${event} begins`);
        setImmediate(() => {
          events.push(`${event} ends`);
          resolve();
        });
      });
    const sink: PartSink = {
      write: (chunk) => turn(`write ${Buffer.from(chunk)}`),
      close: () => turn('close'),
    };
    const reader = readerWith({ onPart: ({ fieldName }) => turn(`part ${fieldName}`).then(() => sink) });
    await reader.write(Buffer.from(`${part('name=a', '1')}${part('name=b', '2')}--b--`));
    await reader.finish();
    const steps = ['part a', 'write 1', 'close', 'part b', 'write 2', 'close'];
    expect(events).toEqual(steps.flatMap((step) => [`${step} begins`, `${step} ends`]));
  });

  it('rejects a pending write with the reason of an abort, though the sink never settles', async () => {
    const sink = new RecordingSink(true);
    const reader = readerWith({ onPart: () => sink });
    const writing = reader.write(Buffer.from(FILE));
    const reason = new Error('left');
    await reader.abort(reason);
    await expect(writing).rejects.toBe(reason);
    await expect(reader.write(Buffer.from('x'))).rejects.toBe(reason);
    await expect(reader.finish()).rejects.toBe(reason);
    expect(sink.events).toEqual(['abc', 'abort left']);
  });

  it('aborts every sink, complete or not, once, if a later part is malformed [HU-11]', async () => {
    const sinks: RecordingSink[] = [];
    const reader = readerWith({
      onPart() {
        sinks.push(new RecordingSink());
        return sinks.at(-1);
      },
    });
    const writing = reader.write(Buffer.from(`${FILE}${part('name=g; filename=y', '1')}--bwrong`));
    await expect(writing).rejects.toMatchObject({ name: 'HTTPError', status: 400 });
    await reader.abort(new Error('later'));
    const aborted = expect.stringMatching(/^abort 400 /);
    expect(sinks.map(({ events }) => events)).toEqual([
      ['abc', 'close', aborted],
      ['1', aborted],
    ]);
  });

  it('aborts the sink of an onPart that settles after the abort', async () => {
    const sink = new RecordingSink();
    let choose: (sink: PartSink) => void = () => {};
    const chosen = new Promise<PartSink>((resolve) => {
      choose = resolve;
    });
    const reader = readerWith({ onPart: () => chosen });
    const writing = reader.write(Buffer.from(FILE));
    void reader.abort(new Error('left'));
    await expect(writing).rejects.toThrow('left');
    choose(sink);
    await new Promise((resolve) => setImmediate(resolve));
    expect(sink.events).toEqual(['abort left']);
  });

  it('stops if a sink aborts the reader that calls it, even from its own abort', async () => {
    const aborts: string[] = [];
    const reader: MultipartReader = readerWith({
      onPart: () => ({
        write: () => void reader.abort(new Error('enough')),
        abort(reason) {
          aborts.push((reason as Error).message);
          void reader.abort(new Error('again'));
        },
      }),
    });
    const writing = Promise.resolve(reader.write(Buffer.from(`${FILE}${FILE}`)));
    await expect(writing).rejects.toThrow('enough');
    expect(aborts).toEqual(['enough']);
  });

  it('fails with what onPart, write or close throws or rejects with', async () => {
    const error = new HTTPError(415);
    const fails = (): never => {
      throw error;
    };
    const sinks: MultipartReaderOptions['onPart'][] = [
      fails,
      () => Promise.reject(error),
      () => ({ write: fails }),
      () => ({ write: () => Promise.reject(error) }),
      () => ({ write() {}, close: fails }),
      () => ({
        write() {},
        close: () => Promise.reject(error),
        abort: () => Promise.reject(new Error('ignored')),
      }),
    ];
    for (const onPart of sinks) {
      await expect(readerWith({ onPart }).write(Buffer.from(`${FILE}--b--`))).rejects.toBe(error);
    }
  });

  it('refuses a form that ends early [HU-11]', async () => {
    const sink = new RecordingSink();
    const reader = readerWith({ onPart: () => sink });
    void reader.write(Buffer.from(FILE));
    await expect(reader.finish()).rejects.toMatchObject({ status: 400 });
    expect(sink.events.at(-1)).toMatch(/^abort 400/);
    await expect(readerWith().finish()).rejects.toMatchObject({ status: 400 });
  });

  it('limits the bytes of all fields together [ATT-23]', async () => {
    const reader = readerWith({ maxTotalFieldBytes: 3 });
    expect(reader.write(Buffer.from(`${part('name=a', '12')}${part('name=b', '3')}`))).toBeUndefined();
    await expect(reader.write(Buffer.from(part('name=c', '4')))).rejects.toMatchObject({ status: 413 });
  });

  it('follows a signal, also one that has aborted, but not one of a client that has sent everything', async () => {
    const reason = new Error('gone');
    await expect(readerWith({ signal: AbortSignal.abort(reason) }).finish()).rejects.toBe(reason);
    const controller = new AbortController();
    const reader = readerWith({ signal: controller.signal });
    controller.abort(Object.assign(new Error('half-closed'), { code: 'ERR_HTTP_PEER_ENDED' }));
    void reader.write(Buffer.from(`${part('name=a', '1')}--b--`));
    expect((await reader.finish()).fields.get('a')).toEqual(['1']);
    await reader.abort(reason);
    expect((await reader.finish()).fields.size).toBe(1);
  });

  it('refuses another body, and a compressed one', () => {
    const create = (changed: HTTPHeaders) => () => new MultipartReader(changed, { onPart: () => undefined });
    expect(create(new HTTPHeaders())).toThrow(expect.objectContaining({ status: 400 }));
    expect(create(headers.copy().set('Content-Encoding', 'br'))).toThrow(
      expect.objectContaining({ status: 415 }),
    );
  });

  it('refuses options, sinks and calls that are invalid', async () => {
    expect(() => readerWith({ onpart: () => undefined } as object)).toThrow(/onpart/);
    expect(() => readerWith({ onPart: 1 as never })).toThrow(usage);
    expect(() => readerWith({ maxTotalFieldBytes: -1 })).toThrow(usage);
    expect(() => readerWith({ limits: { maxParts: -1 } })).toThrow(/maxParts/);
    await expect(readerWith({ onPart: () => ({}) as PartSink }).write(Buffer.from(FILE))).rejects.toEqual(
      usage,
    );
    const reader = readerWith({ onPart: () => new RecordingSink(true) });
    const writing = reader.write(Buffer.from(FILE));
    expect(() => reader.write(Buffer.from('x'))).toThrow(usage);
    await expect(reader.finish()).rejects.toEqual(usage);
    await Promise.all([expect(writing).rejects.toThrow('over'), reader.abort(new Error('over'))]);
    const finished = readerWith();
    void finished.write(Buffer.from('--b--'));
    await finished.finish();
    expect(() => finished.write(Buffer.from('x'))).toThrow(usage);
  });
});
