import { describe, expect, it } from 'vitest';
import type { PresenceEvent, RecordEvent } from './cursor-source.ts';
import { EncodedEvents } from './encoded-events.ts';

const record = (position: number, payload = '1'): RecordEvent => ({
  kind: 'record',
  cursor: `e.${position}`,
  time: 0,
  payload,
});

describe('EncodedEvents', () => {
  it('encodes a record once for all its readers', () => {
    const events = new EncodedEvents();
    const one = record(1, '"ü"');
    expect(Buffer.from(events.encode(one).bytes).toString()).toBe('id: e.1\ndata: "ü"\n\n');
    expect(events.encode(one)).toBe(events.encode(one));
    expect(events.encode({ ...one })).not.toBe(events.encode(one));
  });

  it('encodes a change of presence once for all its readers', () => {
    const events = new EncodedEvents();
    const joined: PresenceEvent = { kind: 'presence', joined: 'ada', meta: 1 };
    const piece = events.encode(joined);
    expect(Buffer.from(piece.bytes).toString()).toBe('event: presence\ndata: {"joined":"ada","meta":1}\n\n');
    events.encode(record(1));
    expect(events.encode(joined)).toBe(piece);
  });

  it('drops the oldest beyond its limits', () => {
    const events = new EncodedEvents();
    const first = record(1);
    const before = events.encode(first);
    for (let position = 2; position <= 1_024; position += 1) events.encode(record(position));
    expect(events.encode(first)).toBe(before);
    events.encode(record(1_025));
    expect(events.encode(first)).not.toBe(before);
    const large = record(1_026, `"${'x'.repeat(4_000_000)}"`);
    const encoded = events.encode(large);
    expect(events.encode(large) === encoded).toBe(true);
    events.encode(record(1_027, `"${'x'.repeat(4_000_000)}"`));
    expect(events.encode(large) === encoded).toBe(false);
  });
});
