import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { decodeSimply, randomStream } from '../../../test/fixtures/event-streams.ts';
import { seededRandom } from '../../../test/fixtures/seeded-random.ts';
import {
  EventStreamDecoder,
  type EventStreamDecoderOptions,
  type ServerSentEvent,
} from './event-stream-decoder.ts';

const bytesOf = (text: string): Buffer => Buffer.from(text);

/** Decodes the chunks; the last item is the code of the error, if there is one. */
function decode(
  chunks: readonly Uint8Array[],
  options?: EventStreamDecoderOptions,
): (ServerSentEvent | string)[] {
  const decoder = new EventStreamDecoder(options);
  const events: (ServerSentEvent | string)[] = [];
  try {
    for (const chunk of chunks) {
      decoder.receive(chunk);
      for (let event = decoder.next(); event !== undefined; event = decoder.next()) events.push(event);
    }
  } catch (error) {
    events.push((error as { code: string }).code);
  }
  return events;
}

const eventsOf = (text: string, options?: EventStreamDecoderOptions) => decode([bytesOf(text)], options);
const dataOf = (text: string) =>
  eventsOf(text).map((event) => (typeof event === 'string' ? event : event.data));

describe('EventStreamDecoder', () => {
  it('decodes the examples of the standard (WHATWG HTML §9.2.6)', () => {
    expect(eventsOf('data: YHOO\ndata: +2\ndata: 10\n\n')).toEqual([
      { event: 'message', data: 'YHOO\n+2\n10', id: '', retry: undefined },
    ]);
    const four =
      ': test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\ndata: 4';
    expect(eventsOf(four)).toEqual([
      { event: 'message', data: 'first event', id: '1', retry: undefined },
      { event: 'message', data: 'second event', id: '', retry: undefined },
      { event: 'message', data: ' third event', id: '', retry: undefined },
    ]);
    expect(dataOf('data\n\ndata\ndata\n\ndata:')).toEqual(['', '\n']);
    expect(dataOf('data:test\n\ndata: test\n\n')).toEqual(['test', 'test']);
  });

  it.each(['\n', '\r', '\r\n'])('accepts lines that end in %j', (end) => {
    const text = ['event: add', 'data: 1', '', 'data: 2', '', ''].join(end);
    expect(eventsOf(text)).toEqual([
      { event: 'add', data: '1', id: '', retry: undefined },
      { event: 'message', data: '2', id: '', retry: undefined },
    ]);
  });

  it('dispatches at a CR without waiting for an LF, and then ignores that LF', () => {
    const decoder = new EventStreamDecoder();
    decoder.receive(bytesOf('data: 1\r\n\r'));
    expect(decoder.next()?.data).toBe('1');
    expect(decoder.next()).toBeUndefined();
    decoder.receive(bytesOf('\ndata: 2\n\n'));
    expect(decoder.next()?.data).toBe('2');
  });

  it('keeps the id until it is set again, and forgets the type with each event', () => {
    const text = 'id: 7\nevent: a\ndata: 1\n\ndata: 2\n\nid:\ndata: 3\n\nevent: b\n\ndata: 4\n\n';
    expect(eventsOf(text)).toMatchObject([
      { event: 'a', id: '7' },
      { event: 'message', id: '7' },
      { event: 'message', id: '' },
      { event: 'message', id: '' },
    ]);
  });

  it('starts with the id that it is given', () => {
    expect(eventsOf('data: 1\n\n', { lastEventId: 'x' })).toMatchObject([{ id: 'x' }]);
  });

  it('sets lastEventId at an empty line, also without data', () => {
    const decoder = new EventStreamDecoder();
    decoder.receive(bytesOf('id: 1\n\nid: 2\n'));
    expect(decoder.next()).toBeUndefined();
    expect(decoder.lastEventId).toBe('1');
  });

  it('ignores an id with NUL, and a retry that is not only digits', () => {
    const decoder = new EventStreamDecoder();
    decoder.receive(
      bytesOf('id: 1\nid: a\0b\nretry: 5\nretry: 1.5\nretry: -1\nretry\nretry: 1 \ndata: x\n\n'),
    );
    expect(decoder.next()).toEqual({ event: 'message', data: 'x', id: '1', retry: 5 });
    expect(decoder.retryMs).toBe(5);
  });

  it('sets retryMs without an event, and at most to what a timer supports', () => {
    const decoder = new EventStreamDecoder();
    expect(decoder.retryMs).toBeUndefined();
    decoder.receive(bytesOf(`retry: ${'9'.repeat(400)}\n`));
    expect(decoder.next()).toBeUndefined();
    expect(decoder.retryMs).toBe(2 ** 31 - 1);
  });

  it('ignores unknown fields, names in other case, and names with spaces', () => {
    expect(eventsOf('Data: 1\n data: 2\ndata : 3\ndatas: 4\nfoo\n\n')).toEqual([]);
    expect(dataOf('data: 1\nDATA: 2\n\n')).toEqual(['1']);
  });

  it('passes comments to a callback, and no event', () => {
    const comments: string[] = [];
    const onComment = (text: string): void => void comments.push(text);
    expect(eventsOf(': ping\n:\n::x\n\ndata: 1\n\n', { onComment })).toHaveLength(1);
    expect(comments).toEqual(['ping', '', ':x']);
  });

  it('continues after a callback that throws', () => {
    const onComment = (): void => {
      throw new RangeError('mine');
    };
    const decoder = new EventStreamDecoder({ onComment });
    decoder.receive(bytesOf(': x\ndata: 1\n\n'));
    expect(() => decoder.next()).toThrow(RangeError);
    expect(decoder.next()?.data).toBe('1');
  });

  it('ignores one byte order mark at the start only', () => {
    expect(dataOf('\ufeffdata: 1\n\n')).toEqual(['1']);
    expect(dataOf('\ufeff\ufeffdata: 1\n\n')).toEqual([]);
    expect(dataOf('\n\ufeffdata: 1\n\n')).toEqual([]);
    expect(dataOf('data: \ufeff1\n\n')).toEqual(['\ufeff1']);
  });

  it('replaces invalid UTF-8, and keeps characters that are split between chunks', () => {
    const invalid = Buffer.from('data: \xe2\x82\n\n', 'latin1');
    expect(decode([invalid])).toMatchObject([{ data: '\ufffd' }]);
    const euro = bytesOf('data: \u20ac\u{1f600}\n\n');
    expect(decode(Array.from(euro, (byte) => Buffer.from([byte])))).toMatchObject([
      { data: '\u20ac\u{1f600}' },
    ]);
  });

  it('discards an event without an empty line after it', () => {
    expect(eventsOf('data: 1\n\ndata: 2\n')).toHaveLength(1);
  });

  it('does not change or keep the bytes of the caller', () => {
    const decoder = new EventStreamDecoder();
    const chunk = bytesOf('data: abc\ndata: d');
    decoder.receive(chunk);
    expect(decoder.next()).toBeUndefined();
    chunk.fill(0x78);
    decoder.receive(bytesOf('ef\n\n'));
    expect(decoder.next()?.data).toBe('abc\ndef');
  });

  it('refuses bytes while earlier ones are not decoded', () => {
    const decoder = new EventStreamDecoder();
    decoder.receive(bytesOf('data: 1\n\ndata: 2\n\n'));
    decoder.next();
    const usage = expect.objectContaining({ code: 'ERR_HTTP1_USAGE' });
    expect(() => decoder.receive(bytesOf('x'))).toThrow(usage);
    expect(decoder.next()?.data).toBe('2');
  });

  it.each<[object, string]>([
    [{ maxLineBytes: 0 }, 'maxLineBytes'],
    [{ maxEventBytes: 1.5 }, 'maxEventBytes'],
    [{ lastEventId: 5 }, 'lastEventId: a string'],
    [{ onComment: 5 }, 'onComment: a function'],
    [{ maxLineByte: 5 }, 'did you mean "maxLineBytes"?'],
  ])('refuses %j', (options, message) => {
    expect(() => new EventStreamDecoder(options)).toThrow(message);
  });
});

describe('the limits of an EventStreamDecoder', () => {
  it.each(['data: 7', ':234567', 'unknown', '\ufeff4567'])('limit the line %j to its length', (line) => {
    const tooLong = 'ERR_HTTP1_EVENT_STREAM_LINE';
    for (const end of ['', '\n', '\r', '\r\n']) {
      expect(eventsOf(line + end, { maxLineBytes: 7 })).toEqual([]);
      expect(eventsOf(line + end, { maxLineBytes: 6 })).toEqual([tooLong]);
    }
  });

  it('limit the lines of one event together, without comments', () => {
    const event = 'id: 1\ndata: 23\n\n';
    expect(eventsOf(`:${'x'.repeat(50)}\n${event.repeat(5)}`, { maxEventBytes: 15 })).toHaveLength(5);
    expect(eventsOf(event, { maxEventBytes: 14 })).toEqual(['ERR_HTTP1_EVENT_STREAM_EVENT']);
    const unknown = `${'x\n'.repeat(8)}\n`;
    expect(eventsOf(unknown, { maxEventBytes: 15 })).toEqual(['ERR_HTTP1_EVENT_STREAM_EVENT']);
  });

  it('are 64 KiB and 1 MiB by default', () => {
    const line = `data:${'x'.repeat(64 * 1024 - 5)}`;
    expect(eventsOf(`${line}\n\n`)).toHaveLength(1);
    expect(eventsOf(`${line}x\n\n`)).toEqual(['ERR_HTTP1_EVENT_STREAM_LINE']);
    expect(eventsOf(`${'data: 78901234\n'.repeat(69_905)}\n`)).toHaveLength(1);
    expect(eventsOf(`${'data: 78901234\n'.repeat(69_906)}\n`)).toEqual(['ERR_HTTP1_EVENT_STREAM_EVENT']);
  });

  it('deliver the events before the excess, then fail for ever', () => {
    const decoder = new EventStreamDecoder({ maxLineBytes: 10 });
    decoder.receive(bytesOf('data: 1\n\ndata: 1234567890\n\ndata: 2\n\n'));
    expect(decoder.next()?.data).toBe('1');
    const tooLong = expect.objectContaining({ code: 'ERR_HTTP1_EVENT_STREAM_LINE' });
    expect(() => decoder.next()).toThrow(tooLong);
    decoder.receive(bytesOf('data: 2\n\n'));
    expect(() => decoder.next()).toThrow(tooLong);
  });
});

describe('any split of an event stream', () => {
  it('gives the same events as a simple decoder of the whole stream', () => {
    for (let seed = 1; seed <= 400; seed += 1) {
      const random = seededRandom(seed);
      const wire = randomStream(random);
      const expected = decodeSimply(wire);
      expect(decode([wire]), `seed ${seed}`).toEqual(expected);
      expect(decode(Array.from(wire, (byte) => Buffer.from([byte]))), `seed ${seed}, bytewise`).toEqual(
        expected,
      );
      const chunks: Buffer[] = [];
      for (let at = 0; at < wire.length; ) {
        const length = random(7);
        chunks.push(wire.subarray(at, at + length));
        at += length;
      }
      expect(decode(chunks), `seed ${seed}, in chunks`).toEqual(expected);
    }
  });

  it('fails at the same place', () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const random = seededRandom(seed);
      const wire = randomStream(random);
      const limits = { maxLineBytes: 4 + random(12), maxEventBytes: 8 + random(30) };
      const whole = decode([wire], limits);
      for (let at = 0; at <= wire.length; at += 1) {
        expect(decode([wire.subarray(0, at), wire.subarray(at)], limits), `seed ${seed} at ${at}`).toEqual(
          whole,
        );
      }
    }
  });

  it('copies each byte a few times only, however small the chunks are', () => {
    // A line of 4 MB in chunks of one byte: quadratic copying would need 8 TB.
    const decoder = new EventStreamDecoder({ maxLineBytes: 5_000_000, maxEventBytes: 5_000_000 });
    const byte = bytesOf('x');
    decoder.receive(bytesOf('data:'));
    decoder.next();
    for (let count = 0; count < 4_000_000; count += 1) {
      decoder.receive(byte);
      decoder.next();
    }
    decoder.receive(bytesOf('\n\n'));
    expect(decoder.next()?.data).toHaveLength(4_000_000);
  });
});
