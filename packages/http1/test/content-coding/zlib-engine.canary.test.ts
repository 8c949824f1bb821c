import { createDeflateRaw, deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { FLUSH, type ZlibEngine, zlibEngines } from '../../src/content-coding/zlib-engine.ts';

const PARAMETERS = { windowBits: 15, level: 6, memLevel: 8 };

function deflater(): ZlibEngine {
  const engines = zlibEngines();
  if (engines === undefined) throw new Error('this version of Node has other internals than expected');
  return engines.deflate(PARAMETERS);
}

function inflater(): ZlibEngine {
  const engines = zlibEngines();
  if (engines === undefined) throw new Error('this version of Node has other internals than expected');
  return engines.inflate(15);
}

/** What an engine makes of the input in one call. */
function processed(engine: ZlibEngine, input: Buffer, flush: number = FLUSH.sync): Buffer {
  const output = Buffer.alloc(1000);
  engine.process(flush, input, 0, input.length, output, 0, output.length);
  return output.subarray(0, output.length - engine.outputLeft);
}

describe("what zlib-engine.ts relies on of Node's internals", () => {
  it.each(['init', 'write', 'writeSync', 'reset', 'close'])(
    'a stream of zlib has a `_handle` with `%s`',
    (name) => {
      const stream = createDeflateRaw() as unknown as { readonly _handle: Record<string, unknown> };
      expect(typeof stream._handle[name], `_handle.${name} is not a function`).toBe('function');
    },
  );

  it('Node calls `init`, `write` and `writeSync` with the arguments that we know', () => {
    expect(zlibEngines(), 'the arguments or the effect of a method of _handle have changed').toBeDefined();
  });

  it('observing these calls has left the methods as they were', () => {
    const stream = createDeflateRaw() as unknown as { readonly _handle: Record<string, unknown> };
    for (const name of ['init', 'write', 'writeSync']) {
      expect(String(stream._handle[name]), `_handle.${name} is still observed`).toContain('[native code]');
    }
  });

  it('`writeSync` writes what the public function returns, and says how much room and input is left', () => {
    const engine = deflater();
    const input = Buffer.from('some text, some text, some text');
    const internal =
      'the array of two numbers that init was called with is not the room and the input that are left';
    expect(processed(engine, input), internal).toEqual(deflateRawSync(input, { finishFlush: FLUSH.sync }));
    expect(engine.inputLeft, internal).toBe(0);
    engine.process(FLUSH.sync, Buffer.alloc(500), 0, 500, Buffer.alloc(2), 0, 2);
    expect(engine.outputLeft, internal).toBe(0);
    engine.close();
  });

  it('both numbers are left at the end of a stream, and `reset` starts another', () => {
    const engine = inflater();
    const input = Buffer.concat([deflateRawSync('one'), deflateRawSync('two')]);
    expect(processed(engine, input).toString()).toBe('one');
    expect(engine.inputLeft, 'inflate does not stop at a final block').toBe(deflateRawSync('two').length);
    engine.reset();
    expect(processed(engine, deflateRawSync('two')).toString(), 'reset does not start a new stream').toBe(
      'two',
    );
    engine.close();
  });

  it('invalid data calls `onerror` with a message, a number and a code, during `writeSync`', () => {
    const engine = inflater();
    const internal = 'onerror is not called with a message, a number and a code';
    const invalid = () => processed(engine, Buffer.from([0xff]));
    expect(invalid, internal).toThrow(
      expect.objectContaining({ code: 'Z_DATA_ERROR', errno: -3, message: 'invalid block type' }),
    );
    engine.reset();
    expect(processed(engine, deflateRawSync('text')).toString(), 'no reset after an error').toBe('text');
    engine.close();
  });

  it('data that ends within a block is an error if the call finishes the data', () => {
    const engine = inflater();
    const cut = deflateRawSync('some text').subarray(0, 4);
    const internal = 'Z_FINISH within a block is not an error';
    expect(() => processed(engine, cut, FLUSH.finish), internal).toThrow(
      expect.objectContaining({ code: 'Z_BUF_ERROR' }),
    );
    engine.close();
  });

  it('`write` does the same in the thread pool, and calls the callback that `init` was called with', async () => {
    const engine = deflater();
    const input = Buffer.alloc(100_000, 'text');
    const output = Buffer.alloc(10_000);
    await engine.processInThreadPool(FLUSH.sync, input, 0, input.length, output, 0, output.length);
    const length = output.length - engine.outputLeft;
    const back = inflater();
    const end = Buffer.alloc(input.length + 1);
    await back.processInThreadPool(FLUSH.sync, output, 0, length, end, 0, end.length);
    expect(back.outputLeft, 'write has not written everything').toBe(1);
    expect(end.subarray(0, -1).equals(input), 'write has written something else').toBe(true);
    const broken = back.processInThreadPool(FLUSH.sync, Buffer.from([0xff]), 0, 1, end, 0, end.length);
    await expect(broken, 'write does not call onerror').rejects.toMatchObject({ code: 'Z_DATA_ERROR' });
    engine.close();
    back.close();
  });

  it('`close` waits for a call in the thread pool, which still settles', async () => {
    const engine = deflater();
    const input = Buffer.alloc(100_000, 'text');
    const output = Buffer.alloc(10_000);
    const running = engine.processInThreadPool(FLUSH.sync, input, 0, input.length, output, 0, output.length);
    engine.close();
    await running;
    expect(() => engine.reset()).toThrow('closed');
  });

  it('an engine in the thread pool, and a closed one, refuse other calls before they reach Node', async () => {
    const engine = deflater();
    const output = Buffer.alloc(10);
    const running = engine.processInThreadPool(FLUSH.sync, Buffer.alloc(1), 0, 1, output, 0, 10);
    expect(() => engine.reset()).toThrow('busy');
    expect(() => processed(engine, Buffer.alloc(1))).toThrow('busy');
    await running;
    engine.close();
    engine.close();
    expect(() => processed(engine, Buffer.alloc(1))).toThrow('closed');
  });

  it('`init` does not allocate the state, and `close` frees it', () => {
    const mebibytes = () => process.memoryUsage().rss / (1024 * 1024);
    const round = (): [idle: number, used: number] => {
      const before = mebibytes();
      const engines = Array.from({ length: 400 }, deflater);
      const idle = mebibytes() - before;
      for (const engine of engines) processed(engine, Buffer.from('text'));
      const used = mebibytes() - before;
      for (const engine of engines) engine.close();
      return [idle, used];
    };
    const [idle, used] = round();
    expect(idle, 'the state is allocated before it is used').toBeLessThan(30);
    expect(used, 'an engine that was used has no state').toBeGreaterThan(50);
    const before = mebibytes();
    for (let more = 0; more < 5; more += 1) round();
    expect(mebibytes() - before, 'close does not free the state').toBeLessThan(80);
  });
});
