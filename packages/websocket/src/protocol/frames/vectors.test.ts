import { describe, expect, it } from 'vitest';
import { bytewise, decodeLog } from '../../../testdata/pump-decoder.ts';
import { readVectors } from '../../../testdata/read-vectors.ts';
import { VIOLATIONS } from '../errors.ts';

const vectors = readVectors('frames.md');

describe('FrameDecoder, replaying testdata/frames.md', () => {
  it.each(vectors)('$name', ({ role, limits, bytes, events }) => {
    const options = { role, ...limits };
    expect(decodeLog([bytes], options)).toEqual(events);
    expect(decodeLog(bytewise(bytes), options), 'byte by byte').toEqual(events);
    for (let at = 1; at < bytes.length; at += 1) {
      const pieces = [bytes.subarray(0, at), bytes.subarray(at)];
      expect(decodeLog(pieces, options), `cut at ${at}`).toEqual(events);
    }
  });

  it('has a vector for every violation that frames can show, with its close code', () => {
    const seen = new Set(vectors.flatMap(({ events }) => events.filter((line) => line.startsWith('error'))));
    // Found when a message is inflated.
    const { ERR_WEBSOCKET_BAD_DEFLATE: _, ...ofFrames } = VIOLATIONS;
    const all = Object.entries(ofFrames).map(([code, { closeCode }]) => `error ${code} ${closeCode}`);
    expect([...seen].sort()).toEqual(all.sort());
  });
});
