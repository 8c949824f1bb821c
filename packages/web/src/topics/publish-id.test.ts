import { describe, expect, it } from 'vitest';
import { publishId } from './publish-id.ts';

describe('publishId', () => {
  it('is the ref if there is no subject', () => {
    expect(publishId(undefined, 'm1')).toBe('m1');
  });

  it('differs with the subject and with the ref, and fits an id', () => {
    const pairs = [
      ['ada', 'm1'],
      ['bob', 'm1'],
      ['ada', 'm2'],
      ['ada","m', '1'],
      ['ada', '","m1'],
      ['', 'm1'],
      ['null', 'm1'],
    ] as const;
    const ids = pairs.map(([subject, ref]) => publishId(subject, ref));
    expect(new Set(ids).size).toBe(pairs.length);
    expect(publishId('ada', 'm1')).toBe(ids[0]);
    for (const id of [...ids, publishId('a'.repeat(1_000), 'ü'.repeat(128))])
      expect(id).toMatch(/^[\w-]{43}$/);
  });

  it('never is the id of another subject', () => {
    const id = publishId('ada', 'm1');
    expect(publishId(undefined, id)).not.toBe(id);
  });

  it('refuses a subject that is no string', () => {
    expect(() => publishId(Promise.resolve('ada') as never, 'm1')).toThrow(
      /subject: a string or undefined was expected/,
    );
  });
});
