import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { CookieSecret } from './cookie-secret.ts';
import { createSignedValue, decodeSignedValue } from './signed-value.ts';

const KEY = 'k'.repeat(32);

function refusal(...args: readonly unknown[]): string {
  try {
    new CookieSecret(...(args as ConstructorParameters<typeof CookieSecret>));
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return `${code} ${message}`;
  }
  return 'nothing';
}

describe('CookieSecret', () => {
  it('refuses a secret that can be guessed, and says how to make one [CK-03]', () => {
    const text = refusal('hunter2');
    expect(text).toBe(
      'ERR_WEB_USAGE CookieSecret: the secret must be at least 32 bytes, got 7; make one with: ' +
        `node -e "console.log(require('crypto').randomBytes(32).toString('base64'))"`,
    );
    expect(refusal({ 1: KEY, 2: 'hunter2' }, { keyVersion: 1 })).toContain(
      'the secret of version 2 must be at least',
    );
    expect(refusal(new Uint8Array(31))).toContain('got 31');
    expect(refusal('ä'.repeat(16))).toBe('nothing');
    expect(refusal('hunter2', { minBytes: 7 })).toBe('nothing');
  });

  it.each<[string, ...unknown[]]>([
    ['no secret', undefined],
    ['null', null],
    ['a number', 12_345_678],
    ['a list', [KEY, KEY]],
    ['no versions', {}],
    ['no versions in a map', new Map()],
    ['a number for one version', { 1: 12_345_678 }, { keyVersion: 1 }],
    ['a version that is no number', { a: KEY }, { keyVersion: 1 }],
    ['a version with a leading zero', { '01': KEY }, { keyVersion: 1 }],
    ['a negative version', new Map([[-1, KEY]]), { keyVersion: -1 }],
    ['several secrets without a key version', { 1: KEY, 2: KEY }],
    ['a key version that is not there', { 1: KEY }, { keyVersion: 2 }],
    ['a key version that is no number', KEY, { keyVersion: '1' }],
    ['an unknown option', KEY, { key_version: 1 }],
    ['a least length of 0', KEY, { minBytes: 0 }],
  ])('refuses %s', (_what, ...args) => {
    const text = refusal(...args);
    expect(text).toMatch(/^ERR_WEB_USAGE CookieSecret: /);
    expect(text).not.toContain('12345678');
    expect(text).not.toContain(KEY);
  });

  it('names the versions that there are', () => {
    expect(refusal({ 1: KEY, 2: KEY }, { keyVersion: 3 })).toBe(
      'ERR_WEB_USAGE CookieSecret: keyVersion must be one of the versions 1, 2, got 3',
    );
  });

  it('keeps a copy of the bytes', () => {
    const bytes = Buffer.from(KEY);
    const secret = new CookieSecret(bytes);
    const value = createSignedValue(secret, 'n', 'v');
    bytes.fill(0);
    expect(decodeSignedValue(secret, 'n', value)).toBe('v');
    expect(decodeSignedValue(KEY, 'n', value)).toBe('v');
  });

  it('turns from one secret into one of several [CK-03]', () => {
    const value = createSignedValue(new CookieSecret(KEY), 'n', 'v');
    const rotated = new CookieSecret({ 0: KEY, 1: 'n'.repeat(32) }, { keyVersion: 1 });
    expect(decodeSignedValue(rotated, 'n', value)).toBe('v');
  });

  it('is shown without its secrets', () => {
    const text = inspect(new CookieSecret({ 1: KEY, 7: KEY }, { keyVersion: 7 }), {
      depth: 9,
      showHidden: true,
    });
    expect(text).toContain('keyVersion: 7');
    expect(text).not.toContain('kkk');
  });
});
