import type { Buffer } from 'node:buffer';
import { caseFromText, casesOf, caseToText, type FuzzCase, readCase } from './fuzz-case.ts';
import { checkMessages } from './fuzz-messages.ts';
import { FuzzFinding, type FuzzRun, runCase } from './fuzz-run.ts';
import { readVectors, VECTOR_FILES } from './read-vectors.ts';

export { caseFromText, caseToText };

/** Wires up to this length are also fed byte by byte. */
const MAX_BYTEWISE = 400;

/**
 * Checks one input: the decoders throw nothing but Http1ProtocolError, get on, stay within their limits, answer the
 * same however the wire is cut, hand over nothing that a limit or a rule forbids, and what they accepted is read
 * the same again after our encoders wrote it.
 *
 * @returns a word for what became of the input.
 * @throws FuzzFinding, or what the codec should not have thrown.
 */
export function check(input: Uint8Array): string {
  const fuzzed = readCase(input);
  const whole = runCase(fuzzed, [fuzzed.wire], false);
  const expected = describeRun(whole);
  expectSame(runCase(fuzzed, cut(fuzzed), false), expected, 'cut in pieces');
  expectSame(runCase(fuzzed, cut(fuzzed), true), expected, 'held');
  if (fuzzed.wire.length <= MAX_BYTEWISE) {
    const bytes = Array.from(fuzzed.wire, (_byte, at) => fuzzed.wire.subarray(at, at + 1));
    expectSame(runCase(fuzzed, bytes, false), expected, 'byte by byte');
  }
  checkMessages(fuzzed, whole);
  return whole.outcome;
}

/** The inputs that the golden vectors make. */
export function seeds(): Uint8Array[] {
  return [
    ...VECTOR_FILES.requests.flatMap(readVectors).flatMap((vector) => casesOf(vector, false)),
    ...VECTOR_FILES.responses.flatMap(readVectors).flatMap((vector) => casesOf(vector, true)),
  ];
}

function expectSame(run: FuzzRun, expected: string, how: string): void {
  const described = describeRun(run);
  if (described !== expected) throw new FuzzFinding(`${how}: ${described}\nwhole: ${expected}`);
}

/** Everything that a caller can see of a run. */
function describeRun(run: FuzzRun): string {
  const messages = run.messages.map(({ head, interim, body, trailers, ended }) => [
    'method' in head
      ? [head.method, head.target, head.host, head.expectContinue]
      : [head.status, head.reason, interim],
    [head.version, head.bodyLength, head.keepAlive, head.upgrade, head.headers.getAll()],
    [body, trailers?.getAll(), ended],
  ]);
  return JSON.stringify([messages, run.outcome, run.rest]);
}

/** Cuts the wire at places that the seed chooses, more often than not into short pieces. */
function cut(fuzzed: FuzzCase): Buffer[] {
  const segments: Buffer[] = [];
  let state = fuzzed.cutSeed + 1;
  for (let at = 0; at < fuzzed.wire.length; ) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    const draw = state >>> 16;
    const end = Math.min(fuzzed.wire.length, at + 1 + (draw % ((draw & 3) === 0 ? 60 : 6)));
    segments.push(fuzzed.wire.subarray(at, end));
    at = end;
  }
  return segments;
}
