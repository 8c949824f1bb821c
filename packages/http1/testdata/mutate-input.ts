import { Buffer } from 'node:buffer';
import { CASE_BYTES } from './fuzz-case.ts';

/** Bytes that mean something to the grammar, and so break more than random ones. */
const SHARP = Buffer.from('\r\n\r\n:, ;\t\0\x7f\xff09aAfF/HTTP1."=\\#[]', 'latin1');

/** Changes the wire of an input in one to four places. */
export function mutate(input: Uint8Array, random: (below: number) => number): Buffer {
  let bytes: Buffer = Buffer.from(input);
  for (let count = 1 + random(4); count > 0; count -= 1) {
    const at = CASE_BYTES + random(Math.max(1, bytes.length - CASE_BYTES + 1));
    const byte = Buffer.from([random(2) === 0 ? (SHARP[random(SHARP.length)] ?? 0) : random(256)]);
    const kind = random(4);
    if (kind === 0) bytes = Buffer.concat([bytes.subarray(0, at), byte, bytes.subarray(at)]);
    else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), byte, bytes.subarray(at + 1)]);
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(3))]);
    else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(CASE_BYTES + random(at))]);
  }
  return bytes;
}
