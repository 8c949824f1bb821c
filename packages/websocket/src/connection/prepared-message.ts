import type { Buffer } from 'node:buffer';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { isThenable } from '@landspout/ioloop/reactor';
import { isBusy } from '../compression/errors.ts';
import type { MessageCompression } from '../compression/message-compression.ts';
import { byteLengthOf } from '../protocol/frames/frame-encoder.ts';
import { encodeAsciiText, encodeFrame, encodeMessage, OPCODES } from '../protocol/index.ts';
import { type MessageData, toMessage } from './message-data.ts';

/** A frame that is ready to send; in a string, each character is one byte. */
export type Frame = string | Uint8Array;

/** Frames up to this size are kept as strings: streams send those of many connections in one native call. */
const STRING_FRAME_BYTES = 4 * 1024;

/**
 * A message that is sent to many connections, which is encoded and compressed only once: each connection of a server
 * gets the same bytes. Connections with context takeover compress it themselves, and clients mask it themselves.
 *
 * @example
 * const message = new PreparedMessage({ type: 'tick', price: 42 });
 * for (const handler of handlers) handler.writeMessage(message);
 */
export class PreparedMessage {
  /** Text, or bytes that must not be modified. */
  readonly data: string | Uint8Array;
  /** The length of the message before compression, in bytes. */
  readonly byteLength: number;
  #plain: Frame | undefined;
  /** The compressed frames, by the parameters of the compression; a promise while one is being made. */
  #compressed: Map<string, Frame | Promise<Frame>> | undefined;

  /**
   * @param data - text, bytes, which are copied, or an object, which is sent as JSON text.
   * @throws WebSocketUsageError `ERR_WEBSOCKET_UNSENDABLE_DATA`.
   */
  constructor(data: MessageData) {
    const message = toMessage(data);
    this.data = typeof message === 'string' ? message : Uint8Array.from(message);
    this.byteLength = byteLengthOf(message);
  }

  /** Returns the frame of a server without compression. */
  plainFrame(): Frame {
    this.#plain ??= plainFrame(this.data) as Frame;
    return this.#plain;
  }

  /** Returns the compressed frame of a server, for connections without context takeover. */
  compressedFrame(compression: MessageCompression): Frame | Promise<Frame> {
    const { parameters } = compression;
    const known = this.#compressed?.get(parameters);
    if (known !== undefined) return known;
    this.#compressed ??= new Map();
    const frames = this.#compressed;
    let deflated: Uint8Array | Promise<Uint8Array>;
    try {
      deflated = compression.deflateShared(this.data);
    } catch (error) {
      if (isBusy(error)) return this.plainFrame();
      throw error;
    }
    if (!isThenable(deflated)) {
      const frame = this.#framed(deflated);
      frames.set(parameters, frame);
      return frame;
    }
    const making = Promise.resolve(deflated).then(
      (bytes) => {
        const frame = this.#framed(bytes);
        frames.set(parameters, frame);
        return frame;
      },
      () => {
        // zlib has no memory, or the like. The connections get the message as it is; a later one tries again.
        frames.delete(parameters);
        return this.plainFrame();
      },
    );
    frames.set(parameters, making);
    return making;
  }

  [INSPECT](): object {
    return inspection(this, ['byteLength']);
  }

  /** The compressed frame, or the plain one if compression has made it no smaller. */
  #framed(deflated: Uint8Array): Frame {
    if (deflated.length >= this.byteLength) return this.plainFrame();
    return asShortString(compressedFrame(this.data, deflated, undefined));
  }
}

/** Encodes an unmasked message. */
function plainFrame(message: string | Uint8Array): Frame {
  if (typeof message === 'string') {
    const frame = encodeAsciiText(message);
    if (frame !== undefined) return frame;
  }
  return asShortString(encodeMessage(message));
}

/** Encodes a compressed message. @param message - decides whether it is text. */
export function compressedFrame(
  message: string | Uint8Array,
  deflated: Uint8Array,
  maskKey: Uint8Array | undefined,
): Buffer {
  const opcode = typeof message === 'string' ? OPCODES.text : OPCODES.binary;
  return encodeFrame(opcode, deflated, { isCompressed: true, maskKey });
}

function asShortString(frame: Buffer): Frame {
  return frame.length <= STRING_FRAME_BYTES ? frame.toString('latin1') : frame;
}
