import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import type { ContentCoding } from './content-coding.ts';

/** What undoes one coding: a stream of node:zlib, whose work is done on threads of Node's pool. */
export interface CodingEngine extends Transform {
  /** How many bytes of the input it has taken so far. */
  readonly bytesWritten: number;
}

interface EngineOptions {
  readonly chunkSize: number;
  readonly readableHighWaterMark: number;
  readonly params?: Readonly<Record<number, number>>;
}

/** What the types of the oldest Node that we run on do not know yet. */
const zstd = zlib as unknown as {
  readonly createZstdDecompress?: (options: EngineOptions) => CodingEngine;
  readonly constants: { readonly ZSTD_d_windowLogMax: number };
};

/** RFC 9659 §3: a content coding needs no window above 8 MB, and nobody may make us reserve more. */
const ZSTD_WINDOW_LOG_MAX = 23;

/** The codings that this Node can undo: zstd came with 22.15 and 23.8. */
export const AVAILABLE_CODINGS: readonly ContentCoding[] = Object.freeze(
  zstd.createZstdDecompress === undefined ? ['gzip', 'deflate', 'br'] : ['gzip', 'deflate', 'br', 'zstd'],
);

/**
 * Makes the engine of a coding.
 *
 * `deflate` is the zlib format, as RFC 9110 §8.4.1.2 has it. Raw deflate, which some old clients sent under that
 * name, is refused as corrupt: guessing by the first byte would let two readers of one request disagree.
 *
 * @param chunkBytes - most bytes of one piece of output. Its high-water mark is one byte: the engine stops after each
 *   piece until that is read.
 */
export function createCodingEngine(coding: ContentCoding, chunkBytes: number): CodingEngine {
  const options: EngineOptions = { chunkSize: chunkBytes, readableHighWaterMark: 1 };
  switch (coding) {
    case 'gzip':
      return zlib.createGunzip(options);
    case 'deflate':
      return zlib.createInflate(options);
    case 'br':
      return zlib.createBrotliDecompress(options);
    case 'zstd': {
      const params = { [zstd.constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX };
      if (zstd.createZstdDecompress === undefined) throw new Error('this Node has no zstd');
      return zstd.createZstdDecompress({ ...options, params });
    }
    default:
      return unreachable(coding);
  }
}

function unreachable(coding: never): never {
  throw new Error(`no such coding: ${coding}`);
}
