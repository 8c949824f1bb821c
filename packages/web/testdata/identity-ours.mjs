// Writes identity-ours.json: signed values and XSRF tokens that Landspout made, for tornado-identity.py, which has
// Tornado read them. Needs a build: `pnpm build && node packages/web/testdata/identity-ours.mjs`.

import { writeFileSync } from 'node:fs';
import { createSignedValue, encodeXsrfToken } from '../dist/index.js';

const TIMES = [0, 1_300_000_000, 4_102_444_800];
const SECRETS = [
  { secret: 's' },
  { secret: '0123456789abcdef0123456789abcdef' },
  { secret: 'Größe 😀 of a key, 32 bytes or more' },
  { secret: { 0: 'old', 1: 'new', 17: 'newest' }, keyVersion: 17 },
];
const VALUES = ['', 'v', 'a|b:c', 'Grüße 😀', '\0\x01\x02', 'x'.repeat(100)];
const NAMES = ['n', 'session', '__Host-sid', 'größe', '1:2|3'];

const signed = [];
for (const { secret, keyVersion } of SECRETS) {
  for (const [at, value] of VALUES.entries()) {
    for (const name of NAMES) {
      const time = TIMES[(at + name.length) % TIMES.length];
      const options = keyVersion === undefined ? {} : { keyVersion };
      const text = createSignedValue(secret, name, value, { ...options, nowMs: time * 1_000 });
      signed.push({ secret, keyVersion, name, value, time, text });
    }
  }
}

const xsrf = [];
for (const length of [1, 4, 15, 16, 17, 64]) {
  const token = Buffer.from(Array.from({ length }, (_, at) => (at * 37 + length) % 256));
  for (const mask of ['00000000', 'ffffffff', '01020304']) {
    const seconds = 1_300_000_000 + length;
    const text = encodeXsrfToken({ token, seconds }, Buffer.from(mask, 'hex'));
    xsrf.push({ token: token.toString('hex'), seconds, mask, text });
  }
}

writeFileSync(
  new URL('identity-ours.json', import.meta.url),
  `${JSON.stringify({ signed, xsrf }, null, 2)}\n`,
);
