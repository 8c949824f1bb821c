import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { HTTP1_VIOLATIONS } from '../../src/protocol/grammar/errors.ts';
import { requestLog, responseLog } from '../../testdata/event-log.ts';
import { readVectors, VECTOR_FILES, type Vector } from '../../testdata/read-vectors.ts';

/** Cuts the wire in two at every place, so that each scanner stops at each of its bytes. */
function splits(wire: Buffer): Buffer[][] {
  return Array.from({ length: wire.length + 1 }, (_unused, at) => [wire.subarray(0, at), wire.subarray(at)]);
}

function replay(
  vectors: readonly Vector[],
  log: (vector: Vector, segments: readonly Buffer[]) => string[],
): void {
  it.each(vectors)('$name', (vector) => {
    expect(log(vector, [vector.wire])).toEqual(vector.events);
    const bytes = Array.from(vector.wire, (byte) => Buffer.from([byte]));
    expect(log(vector, bytes), 'byte by byte').toEqual(vector.events);
    for (const [at, segments] of splits(vector.wire).entries()) {
      expect(log(vector, segments), `split at ${at}`).toEqual(vector.events);
    }
  });
}

function limitsOf(vector: Vector): Record<string, number> {
  return Object.fromEntries(
    [...vector.options].filter(([name]) => name.startsWith('max')).map(([k, v]) => [k, +v]),
  );
}

describe.each(VECTOR_FILES.requests)('RequestDecoder, %s', (file) => {
  replay(readVectors(file), (vector, segments) =>
    requestLog(segments, limitsOf(vector), vector.options.has('fields')),
  );
});

describe.each(VECTOR_FILES.responses)('ResponseDecoder, %s', (file) => {
  replay(readVectors(file), (vector, segments) => {
    const methods = vector.options.get('expect')?.split(',') ?? [];
    const { options } = vector;
    return responseLog(segments, methods, options.has('eof'), limitsOf(vector), options.has('fields'));
  });
});

describe('the golden vectors', () => {
  const vectors = [...VECTOR_FILES.requests, ...VECTOR_FILES.responses].flatMap(readVectors);

  it('have one for each way to break HTTP/1.1, with its status [H1-02]', () => {
    const errors = new Set(
      vectors.flatMap(({ events }) => events.filter((line) => line.startsWith('error '))),
    );
    const violations = Object.entries(HTTP1_VIOLATIONS).map(
      ([code, { status }]) => `error ${code} ${status}`,
    );
    expect([...errors].sort()).toEqual(violations.sort());
  });

  it('have names of their own', () => {
    const names = vectors.map(({ name, options }) => `${name} ${options.has('expect')}`);
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  });
});
