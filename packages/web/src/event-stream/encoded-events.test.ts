import { describe, expect, it } from 'vitest';
import type { RecordEvent } from './cursor-source.ts';
import { EncodedRecords } from './encoded-events.ts';

const record = (position: number, payload = '1'): RecordEvent => ({
  kind: 'record',
  cursor: `e.${position}`,
  time: 0,
  payload,
});

describe('EncodedRecords', () => {
  it('encodes a record once for all its readers', () => {
    const records = new EncodedRecords();
    const one = record(1, '"ü"');
    expect(records.encode(one).toString()).toBe('id: e.1\ndata: "ü"\n\n');
    expect(records.encode(one)).toBe(records.encode(one));
    expect(records.encode({ ...one })).not.toBe(records.encode(one));
  });

  it('drops the oldest beyond its limits', () => {
    const records = new EncodedRecords();
    const first = record(1);
    const before = records.encode(first);
    for (let position = 2; position <= 1_024; position += 1) records.encode(record(position));
    expect(records.encode(first)).toBe(before);
    records.encode(record(1_025));
    expect(records.encode(first)).not.toBe(before);
    const large = record(1_026, `"${'x'.repeat(4_000_000)}"`);
    const encoded = records.encode(large);
    expect(records.encode(large) === encoded).toBe(true);
    records.encode(record(1_027, `"${'x'.repeat(4_000_000)}"`));
    expect(records.encode(large) === encoded).toBe(false);
  });
});
