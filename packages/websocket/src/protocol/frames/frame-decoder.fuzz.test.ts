import { describe, expect, it } from 'vitest';
import { decodeLog } from '../../../testdata/pump-decoder.ts';
import { encodeClose, encodeFrame, encodeMessage, encodePing, encodePong } from './frame-encoder.ts';
import { OPCODES, type WebSocketRole } from './frame-head.ts';

/** A small seeded random generator (mulberry32), so that a failure can be reproduced. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type Random = (below: number) => number;

const ALPHABET = ['a', 'Z', '\u0000', 'é', '€', '\ufeff', '🌪', '\u{10ffff}'];
const LENGTHS = [0, 1, 2, 7, 60, 125, 126, 127, 128, 300, 2000];

function randomText(random: Random, maxChars: number): string {
  const alphabet = random(2) === 0 ? ['x'] : ALPHABET;
  return Array.from({ length: random(maxChars + 1) }, () => alphabet[random(alphabet.length)]).join('');
}

function randomBytes(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random(256)));
}

/** A valid sequence of frames, and the log that decoding it must produce. */
function conversation(random: Random, role: WebSocketRole): { wire: Buffer; log: string[] } {
  const key = () => (role === 'server' ? randomBytes(random, 4) : undefined);
  const frames: Buffer[] = [];
  const log: string[] = [];
  const control = () => {
    const text = randomText(random, 30);
    const isPing = random(2) === 0;
    frames.push((isPing ? encodePing : encodePong)(text, key()));
    log.push(`${isPing ? 'ping' : 'pong'} ${JSON.stringify(text)}`);
  };
  for (let messages = random(5); messages >= 0; messages -= 1) {
    const length = LENGTHS[random(LENGTHS.length)] as number;
    const message = random(2) === 0 ? randomText(random, length) : randomBytes(random, length);
    const isText = typeof message === 'string';
    const entry = isText ? `text ${JSON.stringify(message)}` : `binary ${message.toString('hex')}`;
    if (random(2) === 0) {
      frames.push(encodeMessage(message, key()));
      log.push(entry);
      continue;
    }
    const bytes = Buffer.from(message);
    let opcode: number = isText ? OPCODES.text : OPCODES.binary;
    let at = 0;
    for (let more = random(6); more > 0; more -= 1) {
      const to = at + random(bytes.length - at + 1);
      frames.push(encodeFrame(opcode, bytes.subarray(at, to), { fin: false, maskKey: key() }));
      opcode = OPCODES.continuation;
      at = to;
      if (random(3) === 0) control();
    }
    frames.push(encodeFrame(opcode, bytes.subarray(at), { maskKey: key() }));
    log.push(entry);
  }
  if (random(2) === 0) {
    const code = 3000 + random(2000);
    frames.push(encodeClose(code, 'so long', key()));
    log.push(`close ${code} "so long"`);
  }
  return { wire: Buffer.concat(frames), log };
}

function randomPieces(random: Random, wire: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  const most = random(2) === 0 ? 8 : 500;
  for (let at = 0; at < wire.length; ) {
    const to = at + random(most) + 1;
    pieces.push(wire.subarray(at, to));
    at = to;
  }
  return pieces;
}

describe('FrameDecoder, with seeded random input', () => {
  it.each(['server', 'client'] as const)('as %s decodes what was encoded, however it is cut', (role) => {
    for (let seed = 1; seed <= 400; seed += 1) {
      const random = randomFrom(seed);
      const { wire, log } = conversation(random, role);
      const decoded = decodeLog(randomPieces(random, wire), { role });
      expect(decoded, `seed ${seed}`).toEqual(log);
    }
  });

  it.each(['server', 'client'] as const)('as %s answers damaged bytes with protocol errors only', (role) => {
    let errors = 0;
    for (let seed = 1; seed <= 1500; seed += 1) {
      const random = randomFrom(seed * 7919);
      const wire = Buffer.concat([conversation(random, role).wire, randomBytes(random, random(20))]);
      for (let damages = random(4) + 1; damages > 0; damages -= 1) wire[random(wire.length)] = random(256);
      const whole = decodeLog([wire], { role, maxMessageBytes: 4000, maxFragments: 20 });
      const cut = decodeLog(randomPieces(random, wire), { role, maxMessageBytes: 4000, maxFragments: 20 });
      expect(cut, `seed ${seed}`).toEqual(whole);
      if (whole.at(-1)?.startsWith('error') === true) errors += 1;
    }
    expect(errors).toBeGreaterThan(500); // Otherwise the inputs would not be damaged enough.
  });
});
