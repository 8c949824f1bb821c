import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { WebSocketProtocolError } from '../../src/protocol/index.ts';
import { CODERS, endOf, jsonText, noise } from '../fixtures/compressed-ends.ts';

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

const SEEDS = [1, 2, 3];
const MOST = 200_000;

/** Compressed data with some bytes changed, added or removed, or just random bytes. */
function payloadFrom(random: (below: number) => number): Buffer {
  const size = [1, 5, 60, 500, 3000, 20_000, 90_000][random(7)] as number;
  if (random(4) === 0) return noise(random(size) + 1, random(1e9));
  const source = random(3) === 0 ? noise(size, random(1e9)) : Buffer.from(jsonText(size, random(1e9)));
  const flush = [constants.Z_SYNC_FLUSH, constants.Z_FINISH, constants.Z_FULL_FLUSH][random(3)] as number;
  const level = random(10);
  const payload = Buffer.concat([
    deflateRawSync(source, { finishFlush: flush, level }),
    noise(random(3), random(1e9)),
  ]);
  for (let change = random(4); change > 0; change -= 1) payload[random(payload.length)] = random(256);
  const start = random(8) === 0 ? random(payload.length) : 0;
  return payload.subarray(start, random(4) === 0 ? start + random(payload.length - start) : payload.length);
}

/** What node:zlib decompresses up to the end of the payload, if it is one stream without a final block. */
function reference(payload: Buffer): Buffer | undefined {
  const input = Buffer.concat([payload, Buffer.from([0, 0, 0xff, 0xff, 3, 0])]);
  try {
    const { buffer, engine } = inflateRawSync(input, { info: true }) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    return engine.bytesWritten === input.length ? buffer : undefined;
  } catch {
    return undefined;
  }
}

describe.each(CODERS)('MessageCompression.inflate over %s, with random payloads', (_, coders) => {
  it.each(SEEDS)(
    'returns a message or a typed error, and what zlib returns; seed %i [ATT-68]',
    async (seed) => {
      const random = randomFrom(seed);
      const { compression: stateless, pool } = endOf(coders, { poolOptions: { maxContextBytes: Infinity } });
      const hello = Buffer.from('f248cdc9c90700', 'hex');
      for (let round = 0; round < 300; round += 1) {
        const payload = payloadFrom(random);
        const expected = reference(payload);
        const { compression: stateful } = endOf(coders, { pool, takeover: true });
        for (const compression of [stateless, stateful]) {
          const copy = Buffer.from(payload);
          try {
            const message = await compression.inflate(payload, MOST);
            if (expected !== undefined) expect(expected.equals(message), `round ${round}`).toBe(true);
            expect(message.length).toBeLessThanOrEqual(MOST);
          } catch (error) {
            expect(error, `round ${round}`).toBeInstanceOf(WebSocketProtocolError);
            const { code } = error as WebSocketProtocolError;
            if (code !== 'ERR_WEBSOCKET_MESSAGE_TOO_BIG') expect(code).toBe('ERR_WEBSOCKET_BAD_DEFLATE');
            if (compression === stateless)
              expect(expected === undefined || expected.length > MOST).toBe(true);
          }
          expect(copy.equals(payload)).toBe(true);
        }
        stateful.close();
        expect(stateless.inflateText(hello, MOST), `after round ${round}`).toBe('Hello');
      }
      expect(pool.contextBytes).toBe(0);
    },
  );
});
