import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { HTTP1_VIOLATIONS } from '../../src/protocol/grammar/errors.ts';
import { MULTIPART_VIOLATIONS } from '../../src/protocol/multipart/errors.ts';
import { requestLog, responseLog } from '../../testdata/event-log.ts';
import { multipartLog } from '../../testdata/multipart-log.ts';
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

describe.each(VECTOR_FILES.multipart)('MultipartDecoder, %s', (file) => {
  replay(readVectors(file), (vector, segments) =>
    multipartLog(segments, vector.options.get('boundary') ?? '', limitsOf(vector)),
  );
});

describe('the golden vectors', () => {
  const vectors = [...VECTOR_FILES.requests, ...VECTOR_FILES.responses].flatMap(readVectors);
  const multipart = VECTOR_FILES.multipart.flatMap(readVectors);

  it('have one for each way to break HTTP/1.1, with its status [H1-02]', () => {
    expect(errorsIn(vectors)).toEqual(errorsOf(HTTP1_VIOLATIONS));
  });

  it('have one for each way to break a multipart body, with its status [HU-11]', () => {
    const { ERR_HTTP1_MULTIPART_BOUNDARY: _outside, ...violations } = MULTIPART_VIOLATIONS;
    expect(errorsIn(multipart)).toEqual(errorsOf(violations));
  });

  it('have names of their own', () => {
    const names = [...vectors, ...multipart].map(({ name, options }) => `${name} ${options.has('expect')}`);
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  });
});

function errorsIn(vectors: readonly Vector[]): string[] {
  const lines = vectors.flatMap(({ events }) => events.filter((line) => line.startsWith('error ')));
  return [...new Set(lines)].sort();
}

function errorsOf(violations: Readonly<Record<string, { readonly status: number }>>): string[] {
  return Object.entries(violations)
    .map(([code, { status }]) => `error ${code} ${status}`)
    .sort();
}
