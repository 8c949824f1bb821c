import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { TopicRecord } from './record.ts';

const recordOf = (payload: string | Uint8Array) => new TopicRecord('epoch.1', 5, undefined, payload);

describe('TopicRecord', () => {
  it.each(['null', 'true', '0', '"text"', '[]', '{}', '[[{"a":[{}]}],null]'])('parses %s once', (text) => {
    const record = recordOf(text);
    expect(record.data).toEqual(JSON.parse(text));
    expect(record.data).toBe(record.data);
    expect(record.payload).toBe(text);
  });

  it('freezes data at every depth', () => {
    const record = recordOf('{"a":{"b":[{"c":null},[1]]},"__proto__":{"d":{}}}');
    const left: unknown[] = [record.data];
    let objects = 0;
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      if (typeof next !== 'object' || next === null) continue;
      objects += 1;
      expect(Object.isFrozen(next)).toBe(true);
      left.push(...Object.values(next));
    }
    expect(objects).toBe(7);
  });

  it('freezes data that is nested deeper than a call stack', () => {
    const depth = 100_000;
    const record = recordOf(`${'['.repeat(depth)}${']'.repeat(depth)}`);
    let inner = record.data as unknown[];
    for (let level = 1; level < depth; level += 1) inner = inner[0] as unknown[];
    expect(Object.isFrozen(inner)).toBe(true);
  });

  it('does not let data change the prototype of objects', () => {
    const { data } = recordOf('{"__proto__":{"polluted":true}}') as TopicRecord<Record<string, unknown>>;
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(Object.getPrototypeOf(data)).toBe(Object.prototype);
  });

  it('has bytes as they are', () => {
    const bytes = Uint8Array.of(1, 2);
    const record = recordOf(bytes);
    expect(record.data).toBe(bytes);
    expect(recordOf(new Uint8Array(0)).data).toEqual(new Uint8Array(0));
  });

  it('is told from other events by its kind, and shown with its data', () => {
    const record = new TopicRecord('epoch.1', 5, 'key', '{"a":1}');
    expect(record.kind).toBe('record');
    expect(inspect(record)).toMatch(/TopicRecord .*epoch\.1.*key.*a: 1/s);
  });
});
