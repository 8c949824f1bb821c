import { describe, expect, it } from 'vitest';
import { WebSocketHandshakeError } from '../errors.ts';
import { parseExtensions } from './extensions.ts';
import {
  checkDeflateResponse,
  type DeflateAgreement,
  type DeflateSettings,
  deflateOffer,
  negotiateDeflate,
} from './permessage-deflate.ts';

type Random = (below: number) => number;

/** A small seeded random generator (mulberry32), so that a failure can be reproduced. */
function randomFrom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const PIECES = [
  'permessage-deflate',
  'server_no_context_takeover',
  'client_no_context_takeover',
  'server_max_window_bits',
  'client_max_window_bits',
  ...'=========;;;;;;;;;,,,"\\ \t8\u0000é'.split(''),
  ...['9', '10', '12', '15', '16', '010', '"9"', 'x'],
];

function randomHeader(random: Random): string {
  return Array.from({ length: random(24) }, () => PIECES[random(PIECES.length)]).join('');
}

/** An offer or a response with valid grammar, of which every parameter may be missing, wrong or repeated. */
function likelyHeader(random: Random): string {
  const parameters = Array.from({ length: random(5) }, () => {
    const name = PIECES[1 + random(4)] as string;
    const takesValue = name.endsWith('bits') !== (random(12) === 0);
    return takesValue && random(4) > 0 ? `${name}=${random(8) + 9}` : name;
  });
  return ['permessage-deflate', ...parameters].join('; ');
}

function randomSettings(random: Random): DeflateSettings {
  return {
    contextTakeover: random(2) === 0,
    maxWindowBits: 9 + random(7),
    peerMaxWindowBits: 9 + random(7),
  };
}

function expectWithin(agreement: DeflateAgreement, settings: DeflateSettings, seed: number): void {
  const { sendWindowBits, receiveWindowBits, sendTakeover } = agreement;
  expect(sendWindowBits, `seed ${seed}`).toBeGreaterThanOrEqual(9);
  expect(sendWindowBits, `seed ${seed}`).toBeLessThanOrEqual(settings.maxWindowBits);
  expect(receiveWindowBits, `seed ${seed}`).toBeGreaterThanOrEqual(9);
  expect(receiveWindowBits, `seed ${seed}`).toBeLessThanOrEqual(settings.peerMaxWindowBits);
  if (!settings.contextTakeover) expect(sendTakeover, `seed ${seed}`).toBe(false);
}

describe('permessage-deflate, with seeded random headers', () => {
  it('is declined or agreed on within the settings, never thrown for [WS-17] [ATT-69]', () => {
    let accepted = 0;
    for (let seed = 1; seed <= 10_000; seed += 1) {
      const random = randomFrom(seed);
      const settings = randomSettings(random);
      const header = random(3) === 0 ? randomHeader(random) : likelyHeader(random);
      const result = negotiateDeflate(header, settings);
      if (result === undefined) continue;
      accepted += 1;
      expectWithin(result.agreement, settings, seed);
      if (!settings.contextTakeover) expect(result.agreement.receiveTakeover, `seed ${seed}`).toBe(false);
      // RFC 7692 §7.1.2.2: the client's window is limited only if it offered that, and with a value.
      expect(result.response, `seed ${seed}`).not.toMatch(/client_max_window_bits(?!=\d)/);
      if (result.response.includes('client_max')) expect(header, `seed ${seed}`).toContain('client_max');
    }
    expect(accepted).toBeGreaterThan(1_000); // Otherwise the headers would not be valid often enough.
  });

  it('fails a response with typed errors only [WS-17] [WS-20]', () => {
    let refused = 0;
    let accepted = 0;
    for (let seed = 1; seed <= 10_000; seed += 1) {
      const random = randomFrom(seed);
      const offered = random(10) === 0 ? undefined : randomSettings(random);
      const header = random(3) === 0 ? randomHeader(random) : likelyHeader(random);
      try {
        const agreement = checkDeflateResponse(header, offered);
        if (agreement === undefined) continue;
        accepted += 1;
        expectWithin(agreement, offered as DeflateSettings, seed);
      } catch (error) {
        if (!(error instanceof WebSocketHandshakeError)) throw error;
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(3_000);
    expect(accepted).toBeGreaterThan(200);
  });

  it('is the same agreement on both sides, whatever each of them wants [WS-17]', () => {
    for (let seed = 1; seed <= 2_000; seed += 1) {
      const random = randomFrom(seed);
      const [client, server] = [randomSettings(random), randomSettings(random)];
      const accepted = negotiateDeflate(deflateOffer(client), server);
      if (accepted === undefined) throw new Error(`seed ${seed}: our server declines what our client offers`);
      const { agreement, response } = accepted;
      expect(checkDeflateResponse(response, client), `seed ${seed}`).toEqual({
        sendWindowBits: agreement.receiveWindowBits,
        receiveWindowBits: expect.toSatisfy((bits: number) => bits >= agreement.sendWindowBits),
        sendTakeover: agreement.receiveTakeover,
        receiveTakeover: agreement.sendTakeover,
      });
    }
  });
});

describe('parseExtensions under attack', () => {
  const MILLION = 1_000_000;

  it.each([
    ['a name', 'a'.repeat(MILLION), 1],
    ['a value', `a;b=${'c'.repeat(MILLION)}`, 1],
    ['a quoted value', `a;b="${'c'.repeat(MILLION)}"`, 1],
    ['an escaped value', `a;b="${'\\c'.repeat(MILLION)}"`, 1],
    ['an open quotation', `a;b="${'c'.repeat(MILLION)}`, undefined],
    ['backslashes', `a;b="${'\\'.repeat(MILLION)}"`, undefined],
    ['blanks', `a${' '.repeat(MILLION)}b`, undefined],
    ['blanks before a separator', `a${'\t'.repeat(MILLION)};b`, 1],
    ['commas', ','.repeat(MILLION), 0],
    ['commas and blanks', ' ,'.repeat(MILLION), 0],
    ['extensions', 'a,'.repeat(MILLION), undefined],
    ['parameters', `a${';b'.repeat(MILLION)}`, undefined],
  ])('is linear in %s', (_, header, count) => {
    expect(parseExtensions(header)?.length).toBe(count);
  });
});
