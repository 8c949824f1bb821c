import { describe, expect, it } from 'vitest';
import { endOfWholeCharacters } from './utf8.ts';

const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Whether some continuation makes the bytes valid UTF-8: what `fatal` with `stream` accepts. */
function canBecomeValid(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function isValid(bytes: Uint8Array): boolean {
  try {
    STRICT.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

describe('endOfWholeCharacters', () => {
  it('agrees with the platform on every sequence of up to four telling bytes [WS-12]', () => {
    const telling = [
      0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed,
      0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
    ];
    let sequences: number[][] = [[]];
    let disagreements = 0;
    for (let length = 1; length <= 4; length += 1) {
      // Bytes that can no longer become valid need not be extended.
      const open = sequences.filter((each) => canBecomeValid(Uint8Array.from(each)));
      sequences = open.flatMap((each) => telling.map((byte) => [...each, byte]));
      for (const sequence of sequences) {
        const bytes = Buffer.from(sequence);
        const end = endOfWholeCharacters(bytes, 0, bytes.length);
        if ((end !== -1) !== canBecomeValid(bytes)) disagreements += 1;
        if ((end === bytes.length) !== isValid(bytes)) disagreements += 1;
      }
    }
    expect(disagreements).toBe(0);
  });

  it('answers where the last whole character ends', () => {
    expect(endOfWholeCharacters(Buffer.from('a€b'), 0, 3)).toBe(1);
    expect(endOfWholeCharacters(Buffer.from('a€b'), 1, 4)).toBe(4);
    expect(endOfWholeCharacters(Buffer.from('🌪'), 0, 3)).toBe(0);
    expect(endOfWholeCharacters(Buffer.alloc(0), 0, 0)).toBe(0);
  });
});
