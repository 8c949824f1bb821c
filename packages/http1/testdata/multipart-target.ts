import { Buffer } from 'node:buffer';
import { DATA, END, HEAD, NEED_DATA } from '../src/protocol/decoding/events.ts';
import { MultipartProtocolError } from '../src/protocol/multipart/errors.ts';
import { DEFAULT_MULTIPART_LIMITS, type MultipartLimits } from '../src/protocol/multipart/limits.ts';
import { MultipartDecoder } from '../src/protocol/multipart/multipart-decoder.ts';
import { CASE_BYTES, caseFromText, caseToText } from './fuzz-case.ts';
import { FuzzFinding } from './fuzz-run.ts';
import { readNaively } from './naive-multipart.ts';
import { readVectors, VECTOR_FILES } from './read-vectors.ts';
import { isWritable, type PartToWrite, writeMultipart } from './write-multipart.ts';

export { caseFromText, caseToText };

const BOUNDARIES = ['b', '----b', 'b:c', '0123456789abcdef', "-'()+_,./=? x"];

/** Small limits make short inputs reach them. */
const LIMITS: readonly MultipartLimits[] = [
  DEFAULT_MULTIPART_LIMITS,
  { maxParts: 2, maxFiles: 1, maxPartHeaderBytes: 80, maxPartHeaders: 2, maxFieldBytes: 3 },
  { maxParts: 1, maxFiles: 0, maxPartHeaderBytes: 50, maxPartHeaders: 1, maxFieldBytes: 0 },
];

/** Calls of `next` that one segment may need, apart from those for its bytes. */
const CALLS_PER_SEGMENT = 8;

/** One input, understood. */
interface MultipartCase {
  readonly boundary: string;
  readonly limits: MultipartLimits;
  readonly cutSeed: number;
  readonly wire: Buffer;
}

interface MultipartRun {
  readonly parts: PartToWrite[];
  /** `end` or the code of the error. */
  outcome: string;
}

/**
 * Checks one input: the decoder throws nothing but MultipartProtocolError, and that again and again; gets on; holds no
 * more than the headers of a part; gives the same however the wire is cut; accepts what the reference reader accepts,
 * and gives the same parts; and reads them again after they were written.
 *
 * @returns what became of the input.
 * @throws FuzzFinding, or what the decoder should not have thrown.
 */
export function check(input: Uint8Array): string {
  const fuzzed = readCase(input);
  const { wire } = fuzzed;
  const whole = run(fuzzed, [wire], false);
  const bytes = Array.from(wire, (_byte, at) => wire.subarray(at, at + 1));
  expectSame(run(fuzzed, cut(fuzzed), false), whole, 'cut in pieces');
  expectSame(run(fuzzed, cut(fuzzed), true), whole, 'held');
  expectSame(run(fuzzed, bytes, false), whole, 'byte by byte');
  expectAsReference(fuzzed, whole);
  if (whole.outcome === 'end') expectReadAgain(fuzzed, whole);
  return whole.outcome;
}

/** The inputs that the golden vectors make, with each of the limits. */
export function seeds(): Uint8Array[] {
  return VECTOR_FILES.multipart.flatMap(readVectors).flatMap(({ wire, options }) => {
    const boundary = BOUNDARIES.indexOf(options.get('boundary') ?? '');
    if (boundary === -1) throw new Error(`the fuzzer lacks the boundary ${options.get('boundary')}`);
    return LIMITS.map((_limits, at) =>
      Buffer.concat([Buffer.from([boundary, at, wire.length & 0xff]), wire]),
    );
  });
}

function readCase(input: Uint8Array): MultipartCase {
  const [boundary = 0, limits = 0, cutSeed = 0] = input;
  return {
    boundary: BOUNDARIES[boundary % BOUNDARIES.length] ?? 'b',
    limits: LIMITS[limits % LIMITS.length] ?? DEFAULT_MULTIPART_LIMITS,
    cutSeed,
    wire: Buffer.from(input.subarray(CASE_BYTES)),
  };
}

/** Feeds the segments to a new decoder, overwriting each when its loan is over. @param hold - ends each second loan. */
function run(fuzzed: MultipartCase, segments: readonly Buffer[], hold: boolean): MultipartRun {
  const decoder = new MultipartDecoder(fuzzed.boundary, fuzzed.limits);
  const result: MultipartRun = { parts: [], outcome: '' };
  try {
    for (const [at, segment] of segments.entries()) {
      const lent = Buffer.from(segment);
      decoder.receive(lent, 0, lent.length);
      if (hold && at % 2 === 1) {
        decoder.hold();
        lent.fill(0x23);
      }
      pull(decoder, result, segment.length);
      lent.fill(0x23);
      const most = Math.max(fuzzed.limits.maxPartHeaderBytes, fuzzed.boundary.length + 4);
      if (decoder.bufferedBytes > most) throw new FuzzFinding(`${decoder.bufferedBytes} bytes are buffered`);
    }
    decoder.endOfInput();
    pull(decoder, result, 0);
    result.outcome = 'end';
  } catch (error) {
    if (!(error instanceof MultipartProtocolError)) throw error;
    result.outcome = error.code;
    expectDead(decoder, error);
  }
  return result;
}

function pull(decoder: MultipartDecoder, { parts }: MultipartRun, bytes: number): void {
  for (let calls = bytes + CALLS_PER_SEGMENT; calls > 0; calls -= 1) {
    const event = decoder.next();
    if (event === NEED_DATA || event === END) return;
    if (event === HEAD) {
      const { name, filename, contentType } = decoder.part;
      parts.push({ name, filename, contentType, body: Buffer.alloc(0) });
    }
    if (event !== DATA) continue;
    const data = decoder.data.subarray(decoder.dataStart, decoder.dataEnd);
    if (data.length === 0) throw new FuzzFinding('data without a byte');
    const part = parts.pop();
    if (part !== undefined) parts.push({ ...part, body: Buffer.concat([part.body, data]) });
    // A handler owns what it gets, and may write to it.
    data.fill(0x23);
  }
  throw new FuzzFinding('the decoder does not get on');
}

function expectDead(decoder: MultipartDecoder, error: MultipartProtocolError): void {
  try {
    decoder.receive(Buffer.from('x'), 0, 1);
    decoder.next();
  } catch (again) {
    if (again === error && decoder.bufferedBytes === 0) return;
  }
  throw new FuzzFinding('a failed decoder goes on');
}

function expectSame(result: MultipartRun, whole: MultipartRun, how: string): void {
  const [got, expected] = [described(result), described(whole)];
  if (got !== expected) throw new FuzzFinding(`${how}: ${got}\nwhole: ${expected}`);
}

function described({ parts, outcome }: MultipartRun): string {
  return JSON.stringify([parts.map((part) => ({ ...part, body: part.body.toString('latin1') })), outcome]);
}

function expectAsReference({ wire, boundary, limits }: MultipartCase, whole: MultipartRun): void {
  const parts = readNaively(wire.toString('latin1'), boundary, limits);
  const reference = parts === undefined ? 'refused' : JSON.stringify(parts);
  const ours =
    whole.outcome === 'end'
      ? JSON.stringify(whole.parts.map((part) => ({ ...part, body: part.body.toString('latin1') })))
      : 'refused';
  if (ours !== reference) throw new FuzzFinding(`${whole.outcome}: ${ours}\nreference: ${reference}`);
}

/** Reads what was read once more after it was written, where the names can be written. */
function expectReadAgain(fuzzed: MultipartCase, whole: MultipartRun): void {
  const names = whole.parts.flatMap(({ name, filename = '' }) => [name, filename]);
  if (!names.every(isWritable)) return;
  const limits = DEFAULT_MULTIPART_LIMITS;
  const wire = writeMultipart(whole.parts, fuzzed.boundary);
  expectSame(run({ ...fuzzed, limits, wire }, [wire], false), whole, 'written and read again');
}

/** Cuts the wire at places that the seed chooses, more often than not into short pieces. */
function cut({ wire, cutSeed }: MultipartCase): Buffer[] {
  const segments: Buffer[] = [];
  let state = cutSeed + 1;
  for (let at = 0; at < wire.length; ) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    const draw = state >>> 16;
    const end = Math.min(wire.length, at + 1 + (draw % ((draw & 3) === 0 ? 60 : 6)));
    segments.push(wire.subarray(at, end));
    at = end;
  }
  return segments;
}
