/** Lengths around every size that an implementation may treat specially. */
const LENGTHS = [1, 17, 0, 1460, 2048, 2049, 16_384, 16_385, 65_535, 65_537, 300_000, 3, 131_073, 1, 1];

/** Alternates strings (latin1, every byte value) and byte arrays, more than 1 MiB in total, all different. */
export function samplePieces(): (string | Uint8Array)[] {
  const pieces: (string | Uint8Array)[] = [];
  let state = 0x2545f491;
  for (let round = 0; round < 2; round += 1) {
    for (const length of LENGTHS) {
      const bytes = Buffer.alloc(length);
      for (let i = 0; i < length; i += 1) {
        // A linear congruential generator: the same bytes in every run, and no repeated section.
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        bytes[i] = state >>> 24;
      }
      pieces.push(pieces.length % 2 === 0 ? bytes.toString('latin1') : bytes);
    }
  }
  return pieces;
}

export function joined(pieces: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat(
    pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)),
  );
}
