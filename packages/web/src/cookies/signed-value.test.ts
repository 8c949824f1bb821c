import { parseCookies } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import { mutationsOf, scrambled } from '../../test/fixtures/hostile-texts.ts';
import { ourVectors, tornadoVectors } from '../../test/fixtures/tornado-vectors.ts';
import { CookieSecret } from './cookie-secret.ts';
import {
  createSignedValue,
  decodeSignedBytes,
  decodeSignedValue,
  signatureKeyVersion,
} from './signed-value.ts';

const SECRET = new CookieSecret('0123456789abcdef0123456789abcdef');
const NOW = 1_300_000_000_000;
const DAY = 86_400_000;

const base64 = (text: string): Buffer => Buffer.from(text, 'base64');

describe('createSignedValue', () => {
  it('makes the value of the example [CK-03]', () => {
    expect(createSignedValue('s', 'n', 'v', { nowMs: NOW })).toMatch(
      /^2\|1:0\|10:1300000000\|1:n\|4:dg==\|949dbbc3[0-9a-f]{56}$/,
    );
  });

  it('makes what Tornado makes, byte for byte [CK-03, CK-05]', () => {
    expect(tornadoVectors.signed.created.length).toBeGreaterThan(100);
    for (const { secret, keyVersion, name, value, time, text } of tornadoVectors.signed.created) {
      const options = keyVersion === null || keyVersion === undefined ? {} : { keyVersion };
      const nowMs = time * 1_000 + 999;
      expect(createSignedValue(secret, name, base64(value), { ...options, nowMs })).toBe(text);
    }
  });

  it('makes what Tornado reads, also for names that are not ASCII [CK-03, CK-05]', () => {
    expect(ourVectors.signed.length).toBeGreaterThan(100);
    for (const [at, { secret, keyVersion, name, value, time, text }] of ourVectors.signed.entries()) {
      const options = typeof keyVersion === 'number' ? { keyVersion } : {};
      expect(createSignedValue(secret, name, value, { ...options, nowMs: time * 1_000 })).toBe(text);
      const read = tornadoVectors.signed.ours[at];
      expect(read?.text).toBe(text);
      expect(base64(read?.result ?? '').toString()).toBe(value);
    }
  });

  it('refuses a result that is too long to be read [CK-05]', () => {
    const value = 'x'.repeat(3_000);
    expect(createSignedValue(SECRET, 'n', value)).toHaveLength(4_094);
    for (const longer of [`${value}x`, 'ä'.repeat(1_501)]) {
      expect(() => createSignedValue(SECRET, 'n', longer)).toThrow(
        expect.objectContaining({
          code: 'ERR_WEB_USAGE',
          message: expect.stringMatching(/at most 4096 bytes, got 4098;/),
        }),
      );
    }
    const long = createSignedValue(SECRET, 'n', `${value}x`, { maxBytes: 5_000 });
    expect(decodeSignedValue(SECRET, 'n', long)).toBeUndefined();
    expect(decodeSignedValue(SECRET, 'n', long, { maxBytes: 5_000 })).toBe(`${value}x`);
  });

  it.each<[string, unknown[]]>([
    ['an unknown option', [SECRET, 'n', 'v', { max_age_days: 1 }]],
    ['a time that is none', [SECRET, 'n', 'v', { nowMs: Number.NaN }]],
    ['a limit that is none', [SECRET, 'n', 'v', { maxBytes: -1 }]],
    ['a key version that is none', [SECRET, 'n', 'v', { keyVersion: 1.5 }]],
    ['a key version without a secret', [{ 1: 'a', 2: 'b' }, 'n', 'v', { keyVersion: 3 }]],
    ['no name', [SECRET, undefined, 'v']],
    ['a name with a lone surrogate', [SECRET, '\ud800', 'v']],
    ['a value with a lone surrogate', [SECRET, 'n', 'x\udc00']],
    ['a number as value', [SECRET, 'n', 123_456]],
    ['a promise as value', [SECRET, 'n', Promise.resolve('v')]],
    ['an empty secret', ['', 'n', 'v']],
    ['no secret', [undefined, 'n', 'v']],
    ['no secrets', [{}, 'n', 'v']],
  ])('refuses %s', (_what, args) => {
    const call = (): string => createSignedValue(...(args as Parameters<typeof createSignedValue>));
    expect(call).toThrow(expect.objectContaining({ name: 'WebUsageError', code: 'ERR_WEB_USAGE' }));
    expect(call).not.toThrow(/123456/);
  });
});

describe('decodeSignedValue', () => {
  it('reads what was signed, for 31 days [CK-03]', () => {
    const value = createSignedValue(SECRET, 'user', 'Grüße; 😀', { nowMs: NOW });
    expect(decodeSignedValue(SECRET, 'user', value, { nowMs: NOW })).toBe('Grüße; 😀');
    expect(decodeSignedValue(SECRET, 'user', value, { nowMs: NOW + 31 * DAY })).toBe('Grüße; 😀');
    expect(decodeSignedValue(SECRET, 'user', value, { nowMs: NOW + 31 * DAY + 1 })).toBeUndefined();
    expect(decodeSignedValue(SECRET, 'user', value, { nowMs: NOW + DAY + 1, maxAgeDays: 1 })).toBeUndefined();
    expect(
      decodeSignedValue(SECRET, 'user', value, {
        nowMs: NOW + 9_999 * DAY,
        maxAgeDays: Number.POSITIVE_INFINITY,
      }),
    ).toBe('Grüße; 😀');
    const now = createSignedValue(SECRET, 'user', '');
    expect(decodeSignedValue(SECRET, 'user', now)).toBe('');
  });

  it('reads what Tornado reads, and nothing else [CK-03, CK-05, ATT-48, ATT-49, ATT-50]', () => {
    for (const { secret, name, text, now, maxAgeDays, result } of tornadoVectors.signed.decoded) {
      const options = { nowMs: now * 1_000, maxAgeDays };
      const read = decodeSignedBytes(secret, name, text, options)?.toString('base64');
      expect(read, `${name} ${text}`).toBe(result ?? undefined);
    }
  });

  it('reads a cookie that Tornado set, which is in quotes [CK-03]', () => {
    const [{ secret, name, value, time, text }] = tornadoVectors.signed.created as [
      (typeof tornadoVectors.signed.created)[number],
    ];
    const cookie = parseCookies(`a=1; ${name}="${text}"`).get(name);
    expect(decodeSignedBytes(secret, name, cookie, { nowMs: time * 1_000 })).toEqual(base64(value));
  });

  it('does not take a value for one name as that of another [ATT-48]', () => {
    const value = createSignedValue(SECRET, 'user', 'admin');
    for (const name of ['admin', 'use', 'users', 'USER', 'user|', '', 'user\0']) {
      expect(decodeSignedValue(SECRET, name, value), name).toBeUndefined();
    }
    const tricky = createSignedValue(SECRET, 'a|4:user', 'x');
    expect(decodeSignedValue(SECRET, 'user', tricky)).toBeUndefined();
    expect(decodeSignedValue(SECRET, 'a|4:user', tricky)).toBe('x');
  });

  it('does not read version 1, and so no digits that moved from one part to another [CK-04, ATT-49]', () => {
    const old = tornadoVectors.signed.decoded.filter(({ text }) =>
      /^[\w=]+\|13\d{8}\|[0-9a-f]{40}$/.test(text),
    );
    expect(old).toHaveLength(1);
    for (const { secret, name, text, now } of old) {
      expect(decodeSignedValue(secret, name, text, { nowMs: now * 1_000 })).toBeUndefined();
      expect(signatureKeyVersion(text)).toBeUndefined();
    }
    const value = createSignedValue(SECRET, 'n', 'v', { nowMs: NOW });
    for (const shifted of ['2|1:0|11:13000000001|', '2|2:01|9:300000000|', '2|1:0|9:130000000|']) {
      const moved = value.replace('2|1:0|10:1300000000|', shifted);
      expect(decodeSignedValue(SECRET, 'n', moved, { nowMs: NOW })).toBeUndefined();
    }
  });

  it('takes no value that differs from a signed one in any place [ATT-50]', () => {
    const value = createSignedValue(SECRET, 'user', 'v|2:a', { nowMs: NOW });
    const texts = [...mutationsOf(value)];
    expect(texts.length).toBeGreaterThan(value.length * 8);
    expect(
      texts.filter((text) => decodeSignedBytes(SECRET, 'user', text, { nowMs: NOW }) !== undefined),
    ).toEqual([]);
  });

  it('never throws because of the value [ATT-50]', () => {
    const value = createSignedValue(SECRET, 'n', 'v', { nowMs: NOW });
    for (const text of scrambled(value, 20_000, 50)) {
      const isRead = decodeSignedBytes(SECRET, 'n', text, { nowMs: NOW }) !== undefined;
      if (isRead !== (text === value)) expect.fail(JSON.stringify(text));
      signatureKeyVersion(text);
    }
    for (const given of [undefined, null, 1, {}, [value], Buffer.from(value)]) {
      expect(decodeSignedValue(SECRET, 'n', given as string)).toBeUndefined();
      expect(signatureKeyVersion(given as string)).toBeUndefined();
    }
  });

  it('does not look at a value that is too long', () => {
    const start = performance.now();
    for (let round = 0; round < 1_000; round += 1) {
      expect(decodeSignedValue(SECRET, 'n', `2|${'9'.repeat(100_000)}`)).toBeUndefined();
    }
    expect(performance.now() - start).toBeLessThan(2_000);
    expect(
      decodeSignedValue(SECRET, 'n', createSignedValue(SECRET, 'n', 'v'), { maxBytes: 90 }),
    ).toBeUndefined();
  });

  it('reads values of each key that it knows, and of no other [CK-03, ATT-50]', () => {
    const before = { 1: 'a'.repeat(32), 2: 'b'.repeat(32) };
    const after = new CookieSecret(new Map([[2, 'b'.repeat(32)], [3, 'c'.repeat(32)]]), { keyVersion: 3 }); // biome-ignore format: a pair per key
    const first = createSignedValue(before, 'n', 'first', { keyVersion: 1 });
    const second = createSignedValue(before, 'n', 'second', { keyVersion: 2 });
    const third = createSignedValue(after, 'n', 'third');
    expect([first, second, third].map((value) => decodeSignedValue(before, 'n', value))).toEqual([
      'first',
      'second',
      undefined,
    ]);
    expect([first, second, third].map((value) => decodeSignedValue(after, 'n', value))).toEqual([
      undefined,
      'second',
      'third',
    ]);
    expect([first, second, third].map(signatureKeyVersion)).toEqual([1, 2, 3]);
  });

  it('takes versions named like properties of an object as unknown ones [ATT-74]', () => {
    for (const version of ['__proto__', 'constructor', 'toString']) {
      const text = `2|${version.length}:${version}|10:1300000000|1:n|4:dg==|${'0'.repeat(64)}`;
      expect(decodeSignedValue({ 1: 'a' }, 'n', text)).toBeUndefined();
    }
  });

  it('reads text that is UTF-8, and other bytes as bytes [CK-05]', () => {
    const bytes = Uint8Array.from([0xff, 0x00, 0xc3]);
    const value = createSignedValue(SECRET, 'n', bytes);
    expect(decodeSignedValue(SECRET, 'n', value)).toBeUndefined();
    expect(decodeSignedBytes(SECRET, 'n', value)).toEqual(Buffer.from(bytes));
    expect(decodeSignedValue(SECRET, 'n', createSignedValue(SECRET, 'n', Buffer.from('ä')))).toBe('ä');
  });

  it.each([
    { max_age_days: 1 },
    { maxAgeDays: -1 },
    { maxAgeDays: '1' },
    { nowMs: '0' },
    { maxBytes: 1.5 },
    null,
  ])('refuses the options %j', (options) => {
    expect(() => decodeSignedValue(SECRET, 'n', undefined, options as object)).toThrow(
      expect.objectContaining({ code: 'ERR_WEB_USAGE' }),
    );
  });
});

describe('signatureKeyVersion', () => {
  it('agrees with Tornado where the value has the length of a signature at its end [CK-05]', () => {
    for (const { text, keyVersion } of tornadoVectors.signed.decoded) {
      const isComplete = /^2\|(?:[^|]*\|){4}[^|]{64}$/.test(text);
      if (isComplete) expect(signatureKeyVersion(text), text).toBe(keyVersion ?? undefined);
    }
  });
});
