import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { decodeSimply } from '../../../test/fixtures/event-streams.ts';
import { randomText, seededRandom } from '../../../test/fixtures/seeded-random.ts';
import { EventStreamDecoder, type ServerSentEvent } from './event-stream-decoder.ts';
import { type EventToEncode, encodeEvent } from './event-stream-encoder.ts';

const usage = expect.objectContaining({ code: 'ERR_HTTP1_USAGE' });

describe('encodeEvent', () => {
  it('writes one line for each member, and an empty line', () => {
    expect(encodeEvent({ data: '{"a":1}', id: '7', event: 'price', retry: 500, comment: 'new' })).toBe(
      ': new\nevent: price\nid: 7\nretry: 500\ndata: {"a":1}\n\n',
    );
  });

  it.each<[EventToEncode, string]>([
    [{ id: 'a.1' }, 'id: a.1\n\n'],
    [{ id: '' }, 'id: \n\n'],
    [{ retry: 0 }, 'retry: 0\n\n'],
    [{ comment: '' }, ': \n\n'],
    [{ data: '' }, 'data: \n\n'],
    [{ event: '', data: ' x' }, 'event: \ndata:  x\n\n'],
    [{ id: undefined, data: 'ü' }, 'data: ü\n\n'],
  ])('writes of %j only what is set', (event, expected) => {
    expect(encodeEvent(event)).toBe(expected);
  });

  it('splits data and comments at LF, CR and CRLF', () => {
    expect(encodeEvent({ data: 'a\nb\rc\r\nd\n' })).toBe('data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n');
    expect(encodeEvent({ comment: 'a\ndata: x\r\r' })).toBe(': a\n: data: x\n: \n: \n\n');
    expect(encodeEvent({ data: 'a\u2028b\u0085c\vd' })).toBe('data: a\u2028b\u0085c\vd\n\n');
  });

  it.each(['\r', '\n', '\0', 'a\nb', 'x\r\ndata: forged'])('refuses the id and the event %j', (text) => {
    expect(() => encodeEvent({ id: text, data: 'x' })).toThrow(usage);
    expect(() => encodeEvent({ event: text, data: 'x' })).toThrow(usage);
  });

  it.each<[unknown, string]>([
    [{}, 'an event with event, data, id, retry, comment was expected'],
    [{ data: undefined }, 'an event with'],
    [{ data: 5 }, 'data: a string was expected, not 5'],
    [{ id: 5 }, 'id: a string'],
    [{ event: null }, 'event: a string'],
    [{ comment: {} }, 'comment: a string'],
    [{ retry: -1 }, 'retry: a whole number'],
    [{ retry: 1.5 }, 'retry: a whole number'],
    [{ retry: 2 ** 31 }, 'retry: a whole number'],
    [{ retry: '5' }, 'retry: a whole number'],
    [{ type: 'x' }, 'unknown'],
    ['data', 'object'],
  ])('refuses %j', (event, message) => {
    expect(() => encodeEvent(event as EventToEncode)).toThrow(message);
    expect(() => encodeEvent(event as EventToEncode)).toThrow(usage);
  });
});

const PIECES = [
  'a',
  'data',
  ':',
  ' ',
  '\n',
  '\r',
  '\r\n',
  '\n\n',
  '\0',
  '\ufeff',
  'ü',
  '\u{1f600}',
  '\u2028',
];

/** Makes an event whose values contain everything that could break a line, where that is allowed. */
function randomEvent(random: (below: number) => number): EventToEncode {
  const framed = PIECES.filter((piece) => !/[\0\r\n]/.test(piece));
  const maybe = <T>(value: T): T | undefined => (random(2) === 0 ? value : undefined);
  return {
    comment: maybe(randomText(random, PIECES, 5)),
    event: maybe(randomText(random, framed, 4)),
    id: maybe(randomText(random, framed, 4)),
    retry: maybe(random(10_000)),
    data: maybe(randomText(random, PIECES, 8)),
  };
}

/** What a client reports of the events, by the text of the standard. */
function expectedOf(events: readonly EventToEncode[]): ServerSentEvent[] {
  let lastId = '';
  const expected: ServerSentEvent[] = [];
  for (const { event, data, id, retry } of events) {
    lastId = id ?? lastId;
    if (data === undefined) continue;
    const text = data.replace(/\r\n|\r/g, '\n');
    expected.push({ event: event || 'message', data: text, id: lastId, retry });
  }
  return expected;
}

function decode(chunks: readonly Uint8Array[]): ServerSentEvent[] {
  const decoder = new EventStreamDecoder();
  const events: ServerSentEvent[] = [];
  for (const chunk of chunks) {
    decoder.receive(chunk);
    for (let event = decoder.next(); event !== undefined; event = decoder.next()) events.push(event);
  }
  return events;
}

describe('what encodeEvent writes', () => {
  it('is what the decoder reads, at every split', () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const random = seededRandom(seed);
      const events = Array.from({ length: 1 + random(3) }, () => randomEvent(random)).filter((event) =>
        Object.values(event).some((value) => value !== undefined),
      );
      const wire = Buffer.from(events.map(encodeEvent).join(''));
      const expected = expectedOf(events);
      expect(decodeSimply(wire), `seed ${seed}`).toEqual(expected);
      for (let at = 0; at <= wire.length; at += 1) {
        const parts = [wire.subarray(0, at), wire.subarray(at)];
        expect(decode(parts), `seed ${seed} at ${at}`).toEqual(expected);
      }
    }
  });
});
