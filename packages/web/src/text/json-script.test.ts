import { describe, expect, it } from 'vitest';
import { JsonScript, jsonScript } from './json-script.ts';

describe('jsonScript', () => {
  it.each([
    'text',
    '</script><script>hit()</script>',
    '<!-- <script> -->',
    ']]>&amp;',
    '\u2028\u2029',
    '\ud800',
    0,
    null,
    true,
    [],
    { a: ['<', { b: '>' }] },
  ])(
    '[ATT-41] keeps the value %j, as JSON and as JavaScript, without characters that end a script',
    (value) => {
      const text = String(jsonScript(value));
      expect(text).not.toMatch(/[<>&\u2028\u2029]/);
      expect(JSON.parse(text)).toEqual(value);
      expect(new Function(`return ${text}`)()).toEqual(value);
    },
  );

  it.each([undefined, () => {}, Symbol('s'), 1n, { toJSON: () => undefined }])('refuses %s', (value) => {
    expect(() => jsonScript(value)).toThrow(expect.objectContaining({ code: 'ERR_WEB_USAGE' }));
  });

  it('refuses circular references, and passes on what a toJSON throws', () => {
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    expect(() => jsonScript(circular)).toThrow(expect.objectContaining({ code: 'ERR_WEB_USAGE' }));
    const error = new Error('from the program');
    const value = {
      toJSON() {
        throw error;
      },
    };
    expect(() => jsonScript(value)).toThrow(error);
  });

  it('makes the only instances of its class', () => {
    expect(JsonScript.isJsonScript(jsonScript(1))).toBe(true);
    expect(JsonScript.isJsonScript({ toString: () => '<b>' })).toBe(false);
    expect(JsonScript.isJsonScript(Object.create(JsonScript.prototype))).toBe(false);
    const make = JsonScript as unknown as new (key: unknown, text: string) => JsonScript;
    expect(() => new make(Symbol('JsonScript'), '<b>')).toThrow(
      expect.objectContaining({ code: 'ERR_WEB_USAGE' }),
    );
  });
});
