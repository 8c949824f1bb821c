import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import type { ContentCoding } from './content-coding.ts';

/** A node:zlib stream that decodes one coding, in Node's thread pool. */
export interface CodingEngine extends Transform {
  /** Input bytes processed so far. */
  readonly bytesWritten: number;
}

interface EngineOptions {
  readonly chunkSize: number;
  readonly readableHighWaterMark: number;
  readonly params?: Readonly<Record<number, number>>;
}

/** node:zlib with zstd, which the types of the oldest supported Node do not declare. */
const zstd = zlib as unknown as {
  readonly createZstdDecompress?: (options: EngineOptions) => CodingEngine;
  readonly constants: { readonly ZSTD_d_windowLogMax: number };
};

/** RFC 9659 §3: a content coding must not need a window above 8 MB. A client must not make us allocate more. */
const ZSTD_WINDOW_LOG_MAX = 23;

/** The codings that this version of Node can decode: zstd requires 22.15 or 23.8. */
export const AVAILABLE_CODINGS: readonly ContentCoding[] = Object.freeze(
  zstd.createZstdDecompress === undefined ? ['gzip', 'deflate', 'br'] : ['gzip', 'deflate', 'br', 'zstd'],
);

/**
 * Creates the engine for a coding.
 *
 * `deflate` means the zlib format (RFC 9110 §8.4.1.2). Raw deflate, which some old clients send under that name, is
 * refused as corrupt: if we guessed the format by the first byte, two recipients of one request could disagree.
 *
 * @param chunkBytes - the maximum size of one piece of output. The high-water mark is one byte, so that the engine
 *   stops after each piece until that piece is read.
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
      if (zstd.createZstdDecompress === undefined)
        throw new Error('zstd requires Node 22.15 or 23.8, or a later release');
      return zstd.createZstdDecompress({ ...options, params });
    }
    default:
      return unreachable(coding);
  }
}

function unreachable(coding: never): never {
  throw new Error(`unknown content coding: ${coding}`);
}
