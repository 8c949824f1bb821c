import { describe, expect, it } from 'vitest';
import { MAX_JSON_LEVELS, parseJson } from './json.ts';

describe('parseJson', () => {
  it('returns the value of a JSON text, with inherited names as plain data [ATT-74]', () => {
    expect(parseJson(' {"a":[1,"€"]} ')).toEqual({ value: { a: [1, '€'] } });
    expect(parseJson('null')).toEqual({ value: null });
    const { value } = parseJson('{"__proto__":{"admin":true}}') as { value: { admin?: boolean } };
    expect([value.admin, Object.keys(value)]).toEqual([undefined, ['__proto__']]);
  });

  it.each(['', 'hello', '{"a":1', '[1,]', 'NaN', "{'a':1}"])(
    'reports %j as no JSON, without throwing',
    (text) => {
      expect(parseJson(text)).toMatchObject({ problem: 'syntax', cause: expect.any(SyntaxError) });
    },
  );

  it('limits how deeply arrays and objects are nested, but not brackets in strings', () => {
    const nested = (levels: number) => `${'['.repeat(levels)}${' '.repeat(1024)}${']'.repeat(levels)}`;
    expect(parseJson(nested(MAX_JSON_LEVELS)).problem).toBeUndefined();
    expect(parseJson(nested(MAX_JSON_LEVELS + 1))).toEqual({ problem: 'levels' });
    expect(parseJson(`{"a":${nested(MAX_JSON_LEVELS)}}`)).toEqual({ problem: 'levels' });
    const text = `\\"${'['.repeat(2_000)}`;
    expect(parseJson(JSON.stringify([text, text]))).toEqual({ value: [text, text] });
    expect(parseJson(`["${'['.repeat(2_000)}`).problem).toBe('syntax');
  });
});
