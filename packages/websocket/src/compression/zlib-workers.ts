import { Buffer } from 'node:buffer';
import { type DeflateParameters, type ZlibEngines, zlibEngines } from '@landspout/http1/content-coding';
import { webSocketChecks } from '../protocol/limits.ts';
import { EngineDeflater } from './engine-deflater.ts';
import { EngineInflater } from './engine-inflater.ts';
import type { CompressionJob, JobQueue } from './job-queue.ts';
import {
  EMPTY_PAYLOAD_BYTE,
  MAX_SYNC_BYTES,
  MAX_SYNC_OUTPUT_BYTES,
  type MessageCoders,
  type MessageDeflater,
  type MessageInflater,
} from './message-coders.ts';
import { publicZlib } from './public-zlib.ts';

/** The coders over zlib engines; over the public functions of node:zlib if there are no engines. */
export const bestCoders: MessageCoders = /* @__PURE__ */ findCoders();

function findCoders(): MessageCoders {
  const engines = zlibEngines();
  return engines === undefined ? publicZlib : codersOver(engines);
}

function codersOver(engines: ZlibEngines): MessageCoders {
  return {
    deflater: (parameters, keepsContext) => new EngineDeflater(engines, parameters, keepsContext),
    inflater: (windowBits, keepsContext) => new EngineInflater(engines, windowBits, keepsContext),
  };
}

/**
 * Decides for each message whether it is processed at once or in the thread pool, and holds the coders that all
 * connections without context takeover share.
 */
export class ZlibWorkers {
  readonly coders: MessageCoders;
  readonly queue: JobQueue;
  /** By {@link keyOf} of the parameters. A server has few: one for each window size that its clients ask for. */
  readonly #deflaters = new Map<number, MessageDeflater>();
  #inflater: MessageInflater | undefined;

  constructor(coders: MessageCoders, queue: JobQueue) {
    this.coders = coders;
    this.queue = queue;
  }

  /** Returns the deflater without context. @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_OPTION`. */
  deflater(windowBits: number, level: number, memLevel: number): MessageDeflater {
    const key = keyOf(windowBits, level, memLevel);
    return this.#deflaters.get(key) ?? this.#createDeflater({ windowBits, level, memLevel });
  }

  /** The inflater without context. Its window is the largest, which can read data for any other. */
  get inflater(): MessageInflater {
    this.#inflater ??= this.coders.inflater(15, false);
    return this.#inflater;
  }

  /** Compresses a message. @throws WebSocketCompressionError `ERR_WEBSOCKET_COMPRESSION_BUSY`. */
  deflate(deflater: MessageDeflater, message: string | Uint8Array): Buffer | CompressionJob {
    if (message.length === 0) return Buffer.of(EMPTY_PAYLOAD_BYTE);
    let bytes: Uint8Array;
    if (typeof message !== 'string') bytes = message;
    else if (message.length > MAX_SYNC_BYTES) bytes = Buffer.from(message, 'utf8');
    else {
      const length = SHARED_TEXT.write(message, 'utf8');
      if (length <= MAX_SYNC_BYTES) return deflater.deflateNow(SHARED_TEXT, length);
      bytes = Buffer.from(SHARED_TEXT.subarray(0, length));
    }
    if (bytes.length <= MAX_SYNC_BYTES) return deflater.deflateNow(bytes, bytes.length);
    return this.queue.add(bytes.length, (job) => deflater.deflateLater(bytes, job));
  }

  /**
   * Decompresses a message. An empty payload is an empty message, although RFC 7692 requires one byte: other endpoints
   * accept it too.
   *
   * @returns the message, which is valid until the next message of any connection, or the job that has it later.
   * @throws WebSocketProtocolError if the message has more than `maxBytes` or is invalid; WebSocketCompressionError
   *   `ERR_WEBSOCKET_COMPRESSION_BUSY`.
   */
  inflate(inflater: MessageInflater, payload: Uint8Array, maxBytes: number): Buffer | CompressionJob {
    if (payload.length === 0) return NO_BYTES;
    let held = payload;
    let heldBytes = payload.length;
    if (payload.length <= MAX_SYNC_BYTES) {
      const message = inflater.inflateNow(payload, maxBytes);
      if (message !== undefined) return message;
      // The caller may use a small payload again after this call.
      held = Buffer.from(payload);
      heldBytes += MAX_SYNC_OUTPUT_BYTES;
    }
    return this.queue.add(heldBytes, (job) => inflater.inflateLater(held, maxBytes, job));
  }

  #createDeflater(parameters: DeflateParameters): MessageDeflater {
    const { windowBits, level, memLevel } = parameters;
    checkDeflateParameters('deflate', parameters);
    const deflater = this.coders.deflater(parameters, false);
    this.#deflaters.set(keyOf(windowBits, level, memLevel), deflater);
    return deflater;
  }
}

/** @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_OPTION` if a parameter is out of range. */
export function checkDeflateParameters(operation: string, parameters: DeflateParameters): void {
  webSocketChecks.wholeNumber(operation, 'windowBits', parameters.windowBits, 9, 15);
  webSocketChecks.wholeNumber(operation, 'level', parameters.level, 0, 9);
  webSocketChecks.wholeNumber(operation, 'memLevel', parameters.memLevel, 1, 9);
}

function keyOf(windowBits: number, level: number, memLevel: number): number {
  return windowBits * 100 + level * 10 + memLevel;
}

const NO_BYTES = Buffer.alloc(0);

/** Where the text of small messages is encoded, up to three bytes for each character. Used during one call only. */
const SHARED_TEXT = Buffer.allocUnsafeSlow(MAX_SYNC_BYTES * 3);
