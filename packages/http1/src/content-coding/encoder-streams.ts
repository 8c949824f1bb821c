import type { Buffer } from 'node:buffer';
import * as zlib from 'node:zlib';
import { ArgumentChecks } from '@landspout/ioloop/errors';
import { Http1UsageError } from '../protocol/grammar/errors.ts';
import { AVAILABLE_CODINGS } from './coding-engine.ts';
import type { ContentCoding } from './content-coding.ts';

/** A node:zlib stream that encodes one body. */
export type EncoderStream = zlib.Gzip | zlib.Deflate | zlib.BrotliCompress;

type Parameters = Readonly<Record<number, number>>;

interface EncoderOptions extends zlib.ZlibOptions {
  readonly params?: Parameters;
}

/** node:zlib with zstd, which the types of the oldest supported Node do not declare. */
const zstd = zlib as unknown as {
  readonly createZstdCompress: (options: EncoderOptions) => EncoderStream;
  readonly zstdCompressSync: (bytes: Uint8Array, options: EncoderOptions) => Buffer;
  readonly constants: {
    readonly ZSTD_c_compressionLevel: number;
    readonly ZSTD_c_windowLog: number;
    readonly ZSTD_e_continue: number;
    readonly ZSTD_e_flush: number;
    readonly ZSTD_e_end: number;
  };
};

/**
 * The level of each coding that is used if none is chosen. For JSON and HTML of 10 to 100 KiB, gzip 6 makes bodies up to
 * 3 % smaller than gzip 5 and takes up to 1.6 times as long, br 5 makes them 4 to 10 % smaller than br 4 and takes 1.3 to
 * 1.6 times as long. zstd 4 makes bodies of 10 KiB up to 9 % smaller than zstd 3, but needs twice the memory.
 */
export const DEFAULT_LEVELS: Readonly<Record<ContentCoding, number>> = Object.freeze({
  gzip: 5,
  deflate: 5,
  br: 4,
  zstd: 3,
});

/** The lowest and the highest level of each coding: those of zlib, brotli and zstd. */
export const LEVELS: Readonly<Record<ContentCoding, readonly [least: number, most: number]>> = Object.freeze({
  gzip: [1, 9],
  deflate: [1, 9],
  br: [0, 11],
  // Higher levels need hundreds of megabytes.
  zstd: [1, 19],
});

/**
 * The window of brotli and zstd, 256 KiB. With it an encoder of the default level has about 1 MiB of memory. Larger
 * windows hardly make a document smaller.
 */
const WINDOW_LOG = 18;

/** How a call of the compression library ends. The numbers differ for each library. */
export interface Endings {
  /** The library may keep input for later. */
  readonly none: number;
  /** Everything so far can be decoded. */
  readonly flush: number;
  readonly finish: number;
}

const ZLIB_ENDINGS: Endings = {
  none: zlib.constants.Z_NO_FLUSH,
  flush: zlib.constants.Z_SYNC_FLUSH,
  finish: zlib.constants.Z_FINISH,
};

const { constants } = zstd;

/** For each coding. */
export const ENDINGS: Readonly<Record<ContentCoding, Endings>> = {
  gzip: ZLIB_ENDINGS,
  deflate: ZLIB_ENDINGS,
  br: {
    none: zlib.constants.BROTLI_OPERATION_PROCESS,
    flush: zlib.constants.BROTLI_OPERATION_FLUSH,
    finish: zlib.constants.BROTLI_OPERATION_FINISH,
  },
  zstd: { none: constants.ZSTD_e_continue, flush: constants.ZSTD_e_flush, finish: constants.ZSTD_e_end },
};

/** @param level - valid, see {@link requireEncoding}. */
export function createEncoderStream(coding: ContentCoding, level: number): EncoderStream {
  const options = optionsOf(coding, level);
  switch (coding) {
    case 'gzip':
      return zlib.createGzip(options);
    case 'deflate':
      return zlib.createDeflate(options);
    case 'br':
      return zlib.createBrotliCompress(options);
    case 'zstd':
      return zstd.createZstdCompress(options);
    default:
      return unreachable(coding);
  }
}

/** Encodes a body with the synchronous function of node:zlib. @param level - valid, see {@link requireEncoding}. */
export function encodeWithStream(coding: ContentCoding, level: number, bytes: Uint8Array): Buffer {
  const options = optionsOf(coding, level);
  switch (coding) {
    case 'gzip':
      return zlib.gzipSync(bytes, options);
    case 'deflate':
      return zlib.deflateSync(bytes, options);
    case 'br':
      return zlib.brotliCompressSync(bytes, options);
    case 'zstd':
      return zstd.zstdCompressSync(bytes, options);
    default:
      return unreachable(coding);
  }
}

/** Checks of the arguments of encoders. */
export const encodingChecks = new ArgumentChecks(
  (problem) => new Http1UsageError('ERR_HTTP1_USAGE', problem),
);

/** @throws Http1UsageError `ERR_HTTP1_USAGE` if this version of Node lacks the coding, or the level is out of range. */
export function requireEncoding(operation: string, coding: ContentCoding, level: number): void {
  encodingChecks.oneOf(operation, 'coding', coding, AVAILABLE_CODINGS);
  const [least, most] = LEVELS[coding];
  encodingChecks.wholeNumber(operation, 'level', level, least, most);
}

function optionsOf(coding: ContentCoding, level: number): EncoderOptions {
  if (coding === 'gzip' || coding === 'deflate') return { level };
  const params =
    coding === 'br'
      ? {
          [zlib.constants.BROTLI_PARAM_QUALITY]: level,
          [zlib.constants.BROTLI_PARAM_LGWIN]: WINDOW_LOG,
        }
      : { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_windowLog]: WINDOW_LOG };
  return { params };
}

function unreachable(coding: never): never {
  throw new Error(`unknown content coding: ${coding}`);
}
