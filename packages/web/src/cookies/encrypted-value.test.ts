import { describe, expect, it } from 'vitest';
import { mutationsOf, scrambled } from '../../test/fixtures/hostile-texts.ts';
import { CookieSecret } from './cookie-secret.ts';
import {
  createEncryptedValue,
  decodeEncryptedBytes,
  decodeEncryptedValue,
  encryptionKeyVersion,
} from './encrypted-value.ts';
import { createSignedValue, decodeSignedValue } from './signed-value.ts';

const SECRET = new CookieSecret('0123456789abcdef0123456789abcdef');
const NOW = 1_300_000_000_000;
const DAY = 86_400_000;

describe('createEncryptedValue', () => {
  it('hides the value, and makes another text each time', () => {
    const texts = Array.from({ length: 50 }, () =>
      createEncryptedValue(SECRET, 'n', 'hunter2', { nowMs: NOW }),
    );
    expect(new Set(texts).size).toBe(50);
    for (const text of texts) {
      expect(text).toMatch(/^e1\|0\|1300000000\|[\w-]{52}$/);
      expect(decodeEncryptedValue(SECRET, 'n', text, { nowMs: NOW })).toBe('hunter2');
    }
    const tails = texts.map((text) => text.split('|')[3]?.slice(22));
    expect(new Set(tails.map((tail) => tail?.slice(0, 8))).size).toBe(50);
  });

  it('refuses a result that is too long to be read, and does not show the value', () => {
    const value = 'hunter2'.repeat(434);
    expect(() => createEncryptedValue(SECRET, 'n', value)).toThrow(
      /^createEncryptedValue: .* at most 4096 bytes/,
    );
    expect(() => createEncryptedValue(SECRET, 'n', value)).not.toThrow(/hunter2/);
    const long = createEncryptedValue(SECRET, 'n', value, { maxBytes: 5_000 });
    expect(decodeEncryptedValue(SECRET, 'n', long)).toBeUndefined();
    expect(decodeEncryptedValue(SECRET, 'n', long, { maxBytes: 5_000 })).toBe(value);
  });

  it.each<[string, unknown[]]>([
    ['an unknown option', [SECRET, 'n', 'v', { maxAge: 1 }]],
    ['a key version without a secret', [{ 1: 'a' }, 'n', 'v', { keyVersion: 2 }]],
    ['a value with a lone surrogate', [SECRET, 'n', '\ud800']],
    ['an object as value', [SECRET, 'n', {}]],
    ['an empty secret', [new Uint8Array(0), 'n', 'v']],
  ])('refuses %s', (_what, args) => {
    expect(() => createEncryptedValue(...(args as Parameters<typeof createEncryptedValue>))).toThrow(
      expect.objectContaining({ code: 'ERR_WEB_USAGE' }),
    );
  });
});

describe('decodeEncryptedValue', () => {
  it('reads text and bytes of any length', () => {
    for (const length of [0, 1, 15, 16, 17, 1_000]) {
      const bytes = Buffer.from(Array.from({ length }, (_, at) => at % 256));
      const value = createEncryptedValue(SECRET, 'user', bytes);
      expect(decodeEncryptedBytes(SECRET, 'user', value)).toEqual(bytes);
    }
    expect(decodeEncryptedValue(SECRET, 'ü', createEncryptedValue(SECRET, 'ü', 'Grüße 😀'))).toBe('Grüße 😀');
    expect(
      decodeEncryptedValue(SECRET, 'n', createEncryptedValue(SECRET, 'n', Buffer.from([0xff]))),
    ).toBeUndefined();
  });

  it('reads a value of an earlier release', () => {
    const text = 'e1|0|1300000000|IrCfhD5FNp7YfcOHAt-0U5GVKVDThkd6kSAbvR1kJQOYGoncXCWY';
    expect(decodeEncryptedValue(SECRET, 'user', text, { nowMs: NOW })).toBe('Grüße');
  });

  it('reads a value for 31 days', () => {
    const value = createEncryptedValue(SECRET, 'n', 'v', { nowMs: NOW });
    expect(decodeEncryptedValue(SECRET, 'n', value, { nowMs: NOW + 31 * DAY })).toBe('v');
    expect(decodeEncryptedValue(SECRET, 'n', value, { nowMs: NOW + 31 * DAY + 1 })).toBeUndefined();
    expect(decodeEncryptedValue(SECRET, 'n', value, { nowMs: NOW + DAY + 1, maxAgeDays: 1 })).toBeUndefined();
  });

  it('authenticates the name, the time and the version of the key [ATT-48]', () => {
    const value = createEncryptedValue(SECRET, 'user', 'v', { nowMs: NOW });
    for (const name of ['admin', 'use', 'users', '']) {
      expect(decodeEncryptedValue(SECRET, name, value, { nowMs: NOW })).toBeUndefined();
    }
    for (const head of ['e1|0|1300000001|', 'e1|1|1300000000|', 'e1|0|01300000000|']) {
      const other = value.replace('e1|0|1300000000|', head);
      expect(decodeEncryptedValue(SECRET, 'user', other, { nowMs: NOW })).toBeUndefined();
    }
  });

  it('takes no value that differs from an encrypted one in any place [ATT-50]', () => {
    for (const plain of ['', 'v', 'vw', 'vwx']) {
      const value = createEncryptedValue(SECRET, 'n', plain, { nowMs: NOW });
      const texts = [...mutationsOf(value)];
      expect(
        texts.filter((text) => decodeEncryptedBytes(SECRET, 'n', text, { nowMs: NOW }) !== undefined),
      ).toEqual([]);
    }
  });

  it('never throws because of the value [ATT-50]', () => {
    const value = createEncryptedValue(SECRET, 'n', 'v', { nowMs: NOW });
    for (const text of scrambled(value, 20_000, 51)) {
      const isRead = decodeEncryptedBytes(SECRET, 'n', text, { nowMs: NOW }) !== undefined;
      if (isRead !== (text === value)) expect.fail(JSON.stringify(text));
      encryptionKeyVersion(text);
    }
    for (const given of [undefined, null, 1, {}, [value], `e1|0|1300000000|${'A'.repeat(1_000_000)}`]) {
      expect(decodeEncryptedValue(SECRET, 'n', given as string)).toBeUndefined();
    }
  });

  it('reads values of each key that it knows, and of no other', () => {
    const before = { 1: 'a'.repeat(32), 2: 'b'.repeat(32) };
    const after = new CookieSecret({ 2: 'b'.repeat(32), 3: 'c'.repeat(32) }, { keyVersion: 3 });
    const first = createEncryptedValue(before, 'n', 'first', { keyVersion: 1 });
    const second = createEncryptedValue(before, 'n', 'second', { keyVersion: 2 });
    const third = createEncryptedValue(after, 'n', 'third');
    expect([first, second, third].map((value) => decodeEncryptedValue(after, 'n', value))).toEqual([
      undefined,
      'second',
      'third',
    ]);
    expect([first, second, third].map(encryptionKeyVersion)).toEqual([1, 2, 3]);
    expect(decodeEncryptedValue('other', 'n', third)).toBeUndefined();
  });

  it('is not confused with a signed value', () => {
    expect(decodeEncryptedValue(SECRET, 'n', createSignedValue(SECRET, 'n', 'v'))).toBeUndefined();
    expect(decodeSignedValue(SECRET, 'n', createEncryptedValue(SECRET, 'n', 'v'))).toBeUndefined();
    expect(encryptionKeyVersion(createSignedValue(SECRET, 'n', 'v'))).toBeUndefined();
  });
});
