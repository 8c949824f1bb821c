import { Buffer } from 'node:buffer';
import { DEFAULT_LIMITS, type Http1Limits } from '../src/protocol/grammar/limits.ts';
import type { Vector } from './read-vectors.ts';

/** One input of the fuzzer, understood: which decoder reads the wire, within what limits, cut where. */
export interface FuzzCase {
  readonly limits: Http1Limits;
  /** Methods of the requests that were sent, for responses; undefined where requests are decoded. */
  readonly methods: readonly string[] | undefined;
  /** Whether the peer's end comes after the wire. */
  readonly eof: boolean;
  readonly cutSeed: number;
  readonly wire: Buffer;
}

/** Bytes before the wire: the direction with its methods, the limits, and the seed of the cuts. */
export const CASE_BYTES = 3;

const METHODS: readonly (readonly string[])[] = [
  ['GET'],
  ['HEAD'],
  ['CONNECT'],
  ['GET', 'GET'],
  ['HEAD', 'GET'],
  ['POST', 'HEAD', 'GET'],
  ['GET', 'GET', 'GET', 'GET'],
  [],
];

/** Small limits make short inputs reach them. */
const LIMITS: readonly Http1Limits[] = [
  DEFAULT_LIMITS,
  {
    maxHeadBytes: 120,
    maxHeaders: 5,
    maxBodyBytes: 12,
    maxChunkExtensionBytes: 8,
    maxTrailerBytes: 24,
    maxInterimResponses: 2,
  },
  {
    maxHeadBytes: 60,
    maxHeaders: 2,
    maxBodyBytes: 3,
    maxChunkExtensionBytes: 2,
    maxTrailerBytes: 9,
    maxInterimResponses: 1,
  },
  {
    maxHeadBytes: 40,
    maxHeaders: 1,
    maxBodyBytes: 0,
    maxChunkExtensionBytes: 0,
    maxTrailerBytes: 0,
    maxInterimResponses: 0,
  },
];

const RESPONSES = 0x10;
const EOF = 0x20;

/** Reads an input. Every input of {@link CASE_BYTES} and more means something. */
export function readCase(input: Uint8Array): FuzzCase {
  const [kind = 0, limits = 0, cutSeed = 0] = input;
  return {
    limits: LIMITS[limits % LIMITS.length] ?? DEFAULT_LIMITS,
    methods: (kind & RESPONSES) !== 0 ? METHODS[kind % METHODS.length] : undefined,
    eof: (kind & EOF) !== 0,
    cutSeed,
    wire: Buffer.from(input.subarray(CASE_BYTES)),
  };
}

/** The input that a golden vector makes, with each of the limits. */
export function casesOf(vector: Vector, responses: boolean): Uint8Array[] {
  const wanted = (vector.options.get('expect') ?? '').split(',').join();
  const methods = METHODS.findIndex((list) => list.join() === wanted);
  let kind = 0;
  if (responses) kind = RESPONSES | Math.max(methods, 0) | (vector.options.has('eof') ? EOF : 0);
  return LIMITS.map((_limits, at) =>
    Buffer.concat([Buffer.from([kind, at, vector.wire.length & 0xff]), vector.wire]),
  );
}

/** Writes an input as one line of text: the bytes before the wire in hex, then the wire with escapes. */
export function caseToText(input: Uint8Array): string {
  const bytes = Buffer.from(input);
  const wire = bytes.toString('latin1', CASE_BYTES).replaceAll(/[^\x20-\x5b\x5d-\x7e]/g, escaped);
  return `${bytes.toString('hex', 0, CASE_BYTES)} ${wire}`;
}

/** Reads what {@link caseToText} wrote. */
export function caseFromText(line: string): Uint8Array {
  const wire = line
    .slice(CASE_BYTES * 2 + 1)
    .replaceAll(/\\(?:x([0-9a-f]{2})|(.))/g, (_all, hex: string | undefined, letter: string) =>
      hex === undefined ? (NAMED.get(letter) ?? letter) : String.fromCharCode(Number.parseInt(hex, 16)),
    );
  return Buffer.concat([Buffer.from(line.slice(0, CASE_BYTES * 2), 'hex'), Buffer.from(wire, 'latin1')]);
}

const NAMED: ReadonlyMap<string, string> = new Map([
  ['r', '\r'],
  ['n', '\n'],
  ['t', '\t'],
  ['\\', '\\'],
]);

function escaped(character: string): string {
  for (const [letter, byte] of NAMED) if (byte === character) return `\\${letter}`;
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}
