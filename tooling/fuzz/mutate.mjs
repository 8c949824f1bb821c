import { Buffer } from 'node:buffer';

/** Longer inputs cost time, and have shown nothing that shorter ones do not. */
export const MAX_INPUT_BYTES = 1024;

/**
 * Changes an input in one to five places.
 *
 * @param {Uint8Array} input
 * @param {Uint8Array} other - one to take pieces of.
 * @param {import('./targets.mjs').Target} target
 * @param {(below: number) => number} random
 * @returns {Buffer}
 */
export function mutate(input, other, target, random) {
  /** @type {Buffer} */
  let bytes = Buffer.from(input);
  const header = target.headerBytes;
  for (let left = 1 + random(5); left > 0; left -= 1) {
    const at = Math.min(bytes.length, header + random(Math.max(1, bytes.length - header + 1)));
    const change = CHANGES[random(CHANGES.length)];
    if (change !== undefined) bytes = change({ bytes, at, other, target, random });
  }
  return bytes.subarray(0, MAX_INPUT_BYTES);
}

/**
 * @typedef {object} Place
 * @property {Buffer} bytes
 * @property {number} at
 * @property {Uint8Array} other
 * @property {import('./targets.mjs').Target} target
 * @property {(below: number) => number} random
 */

/** @type {ReadonlyArray<(place: Place) => Buffer>} */
const CHANGES = [
  // A word of the grammar, put in or put over what is there.
  ({ bytes, at, target, random }) => replaced(bytes, at, at, word(target, random)),
  ({ bytes, at, target, random }) => {
    const put = word(target, random);
    return replaced(bytes, at, at + put.length, put);
  },
  // One byte: another, one bit, one more or one less, one put in.
  ({ bytes, at, random }) => replaced(bytes, at, at + 1, Buffer.from([random(256)])),
  ({ bytes, at, random }) => replaced(bytes, at, at + 1, Buffer.from([(bytes[at] ?? 0) ^ (1 << random(8))])),
  ({ bytes, at, random }) => replaced(bytes, at, at + 1, Buffer.from([(bytes[at] ?? 0) + random(3) - 1])),
  ({ bytes, at, random }) => replaced(bytes, at, at, Buffer.from([random(256)])),
  // A piece: left out, said twice, moved, or taken from another input.
  ({ bytes, at, random }) => replaced(bytes, at, at + 1 + random(random(2) === 0 ? 4 : 40), Buffer.alloc(0)),
  ({ bytes, at, random }) => {
    const piece = Buffer.from(bytes.subarray(at, at + 1 + random(40)));
    return replaced(bytes, at, at, Buffer.concat(Array.from({ length: 1 + random(4) }, () => piece)));
  },
  ({ bytes, at, target, random }) => {
    const from = target.headerBytes + random(Math.max(1, bytes.length - target.headerBytes));
    return replaced(bytes, at, at, Buffer.from(bytes.subarray(from, from + 1 + random(40))));
  },
  ({ bytes, at, other, target, random }) => {
    const from = target.headerBytes + random(Math.max(1, other.length - target.headerBytes));
    return replaced(bytes, at, at + random(20), Buffer.from(other.subarray(from, from + 1 + random(120))));
  },
  ({ bytes, at, other, target, random }) => {
    const from = target.headerBytes + random(Math.max(1, other.length - target.headerBytes));
    return Buffer.concat([bytes.subarray(0, at), other.subarray(from)]);
  },
  // A whole line: left out, or said again elsewhere.
  ({ bytes, at }) => replaced(bytes, ...lineAt(bytes, at), Buffer.alloc(0)),
  ({ bytes, at, target, random }) => {
    const line = Buffer.from(bytes.subarray(...lineAt(bytes, at)));
    const [to] = lineAt(bytes, target.headerBytes + random(Math.max(1, bytes.length)));
    return replaced(bytes, Math.max(to, target.headerBytes), Math.max(to, target.headerBytes), line);
  },
  // The other case of a letter, and how the input is read.
  ({ bytes, at }) => replaced(bytes, at, at + 1, Buffer.from([(bytes[at] ?? 0) ^ 0x20])),
  ({ bytes, target, random }) => {
    const at = random(target.headerBytes);
    return replaced(bytes, at, at + 1, Buffer.from([random(256)]));
  },
];

/**
 * @param {Buffer} bytes
 * @param {number} from
 * @param {number} to
 * @param {Uint8Array} put
 */
function replaced(bytes, from, to, put) {
  return Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(to)]);
}

/**
 * @param {import('./targets.mjs').Target} target
 * @param {(below: number) => number} random
 */
function word(target, random) {
  return Buffer.from(target.words[random(target.words.length)] ?? '', 'latin1');
}

/**
 * @param {Buffer} bytes
 * @param {number} at
 * @returns {[number, number]}
 */
function lineAt(bytes, at) {
  const before = at === 0 ? -1 : bytes.lastIndexOf(0x0a, at - 1);
  const after = bytes.indexOf(0x0a, at);
  return [before + 1, after === -1 ? bytes.length : after + 1];
}
