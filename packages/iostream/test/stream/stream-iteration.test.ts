import { describe, expect, it } from 'vitest';
import { CHANNEL_NAMES, leaveUnread, sendByBytes, text, withPair } from '../support/stream-pair.ts';
import { until } from '../support/until.ts';

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe.each(CHANNEL_NAMES)('iteration of an IOStream over %s', (channel) => {
  it('gives lines without their ends, and the last one unterminated', () =>
    withPair(channel, async ({ a, b }) => {
      await a.write('one\r\ntwo\n\n\r\nthr\ree\nlé\n last');
      a.endWrite();
      expect(await all(b.lines())).toEqual(['one', 'two', '', '', 'thr\ree', 'lé', ' last']);
      expect(b.isClosed).toBe(false);
    }));

  it('gives lines that come byte by byte', () =>
    withPair(channel, async ({ a, b }) => {
      const lines = all(b.lines({ encoding: 'latin1' }));
      await sendByBytes(a, b, 'h\xe9llo\r\n\nworld\n');
      a.endWrite();
      expect(await lines).toEqual(['h\xe9llo', '', 'world']);
    }));

  it('answers lines that are asked for at once in their order, and then that there are no more', () =>
    withPair(channel, async ({ a, b }) => {
      const lines = b.lines();
      const asked = [lines.next(), lines.next(), lines.next(), lines.next()];
      await a.write('one\ntwo\nthree');
      a.endWrite();
      const values = (await Promise.all(asked)).map(({ value }) => value);
      expect(values).toEqual(['one', 'two', 'three', undefined]);
      expect(await lines.next()).toEqual({ value: undefined, done: true });
    }));

  it('lets other reads take what is between two lines, and none while a line is awaited', () =>
    withPair(channel, async ({ a, b }) => {
      await a.write('3\nabc2\nde');
      const lines = b.lines();
      const seen: string[] = [];
      for (let round = 0; round < 2; round += 1) {
        const { value } = await lines.next();
        seen.push(text(await b.readBytes(Number(value))));
      }
      expect(seen).toEqual(['abc', 'de']);
      const awaited = lines.next();
      await expect(b.readBytes(1)).rejects.toMatchObject({ code: 'ERR_STREAM_BUSY' });
      await a.write('last\n');
      expect(await awaited).toEqual({ value: 'last', done: false });
    }));

  it('leaves the stream open and every byte unread when the loop is left', () =>
    withPair(channel, async ({ a, b }) => {
      await a.write('one\ntwo\nthree\nrest');
      for await (const line of b.lines()) if (line === 'two') break;
      for await (const line of b.lines()) {
        expect(line).toBe('three');
        break;
      }
      for await (const chunk of b.chunks({ maxBytes: 2 })) {
        expect(text(chunk)).toBe('re');
        break;
      }
      for await (const record of b.records(1)) {
        expect(text(record)).toBe('s');
        break;
      }
      expect(text(await b.readBytes(1))).toBe('t');
      await a.write('and on');
      expect(text(await b.readBytes(6))).toBe('and on');
    }));

  it('closes the stream at a line past maxBytes, its end included', () =>
    withPair(channel, async ({ a, b }) => {
      await a.write('12345\n123456\n');
      const seen: string[] = [];
      const lines = (async () => {
        for await (const line of b.lines({ maxBytes: 6 })) seen.push(line);
      })();
      await expect(lines).rejects.toMatchObject({ cause: { code: 'ERR_STREAM_UNSATISFIABLE' } });
      expect(seen).toEqual(['12345']);
      expect(b.closeReason).toBe('limit');
    }));

  it('does not take a limit for the end, although the peer has ended', () =>
    withPair(channel, async ({ a, b }) => {
      void a.write('123456789');
      a.endWrite();
      await b.readBytes(1);
      b.setCloseCallback(() => {});
      await until(() => b.isEnded);
      await expect(all(b.lines({ maxBytes: 6 }))).rejects.toMatchObject({
        cause: { code: 'ERR_STREAM_UNSATISFIABLE' },
      });
    }));

  it('gives all bytes as chunks, of a bounded size', () =>
    withPair(channel, async ({ a, b }) => {
      const sent = Buffer.alloc(
        300_000,
        Uint8Array.from({ length: 251 }, (_, i) => i),
      );
      void a.write(sent);
      a.endWrite();
      const chunks = await all(b);
      expect(Buffer.concat(chunks).equals(sent)).toBe(true);
      expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(64 * 1024);
    }));

  it('gives records of one size', () =>
    withPair(channel, async ({ a, b }) => {
      const records = all(b.records(3));
      await sendByBytes(a, b, 'aaabbbccc');
      a.endWrite();
      expect((await records).map(text)).toEqual(['aaa', 'bbb', 'ccc']);
    }));

  it('says that the peer ended in the middle of a record, and leaves the half', () =>
    withPair(channel, async ({ a, b }) => {
      await a.write('aaabb');
      a.endWrite();
      const seen: string[] = [];
      const records = (async () => {
        for await (const record of b.records(3)) seen.push(text(record));
      })();
      await expect(records).rejects.toMatchObject({
        name: 'StreamProtocolError',
        code: 'ERR_STREAM_TRUNCATED',
      });
      expect(seen).toEqual(['aaa']);
      expect(text(await b.readUntilClose())).toBe('bb');
    }));

  it('fails where the stream breaks before the end', () =>
    withPair(channel, async ({ a, b }) => {
      const lines = all(b.lines());
      const failure = expect(lines).rejects.toMatchObject({
        code: 'ERR_STREAM_CLOSED',
        cause: { code: 'ECONNRESET' },
      });
      await leaveUnread(b);
      a.reset();
      await failure;
    }));

  it('fails where we close the stream, after what had come', () =>
    withPair(channel, async ({ a, b }) => {
      await a.write('one\ntwo\nthr');
      const seen: string[] = [];
      const lines = (async () => {
        for await (const line of b.lines()) {
          seen.push(line);
          if (line === 'one') b.close();
        }
      })();
      await expect(lines).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' });
      expect(seen[0]).toBe('one');
      expect(text(await b.readUntilClose())).toBe(seen.length === 2 ? 'thr' : '');
    }));

  it.each(['lines', 'chunks', 'records'] as const)('stops %s by a signal, and loses nothing', (kind) =>
    withPair(channel, async ({ a, b }) => {
      const controller = new AbortController();
      const { signal } = controller;
      const items: AsyncIterable<unknown> =
        kind === 'records' ? b.records(5, { signal }) : b[kind]({ signal });
      const failure = expect(all(items)).rejects.toBe('enough');
      controller.abort('enough');
      await failure;
      await a.write('later');
      expect(text(await b.readBytes(5))).toBe('later');
    }),
  );

  it.each(['lines', 'chunks', 'records'] as const)(
    'keeps the order of %s that are asked for at once',
    (kind) =>
      withPair(channel, async ({ a, b }) => {
        const items: AsyncIterator<unknown> =
          kind === 'records' ? b.records(2) : kind === 'lines' ? b.lines() : b.chunks({ maxBytes: 2 });
        const asked = [items.next(), items.next(), items.next()];
        const left = items.return?.();
        const afterwards = items.next();
        await a.write('a\nb\nc\nd\n');
        const values = (await Promise.all(asked)).map(({ value, done }) => [String(value).trim(), done]);
        expect(values).toEqual([
          ['a', false],
          ['b', false],
          ['c', false],
        ]);
        expect(await Promise.all([left, afterwards])).toEqual([
          { value: undefined, done: true },
          { value: undefined, done: true },
        ]);
        expect(text(await b.readBytes(2))).toBe('d\n');
      }),
  );

  it.each(['lines', 'chunks', 'records'] as const)(
    'ends %s that have failed, and the stream goes on',
    (kind) =>
      withPair(channel, async ({ a, b }) => {
        const controller = new AbortController();
        const { signal } = controller;
        const items: AsyncIterator<unknown> =
          kind === 'records' ? b.records(5, { signal }) : b[kind]({ signal });
        const waiting = b.readBytes(1);
        await expect(items.next()).rejects.toMatchObject({ code: 'ERR_STREAM_BUSY' });
        expect(await items.next()).toEqual({ value: undefined, done: true });
        await a.write('1');
        expect(text(await waiting)).toBe('1');
        const others: AsyncIterator<unknown> =
          kind === 'records' ? b.records(5, { signal }) : b[kind]({ signal });
        const asked = [others.next(), others.next()];
        controller.abort('enough');
        await expect(asked[0]).rejects.toBe('enough');
        expect(await asked[1]).toEqual({ value: undefined, done: true });
        await a.write('2');
        expect(text(await b.readBytes(1))).toBe('2');
      }),
  );

  it('gives chunks from where the buffer is smaller than a chunk may be', () =>
    withPair(channel, async ({ a, b }) => {
      void a.write('x'.repeat(5_000));
      a.endWrite();
      const chunks = await all(b.chunks({ maxBytes: 2 ** 40 }));
      expect(Buffer.concat(chunks).length).toBe(5_000);
    }));

  it('refuses invalid sizes and encodings', () =>
    withPair(channel, async ({ b }) => {
      const usage = expect.objectContaining({ code: 'ERR_STREAM_USAGE' });
      for (const size of [0, -1, 1.5, Number.NaN, '1' as unknown as number]) {
        expect(() => b.records(size)).toThrow(usage);
        expect(() => b.chunks({ maxBytes: size })).toThrow(usage);
      }
      expect(() => b.records(2 ** 40)).toThrow(usage);
      for (const options of [{ encoding: 'utf16le' as 'utf8' }, { maxBytes: Number.NaN }]) {
        expect(() => b.lines(options)).toThrow(usage);
      }
    }));
});
