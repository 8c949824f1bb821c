// The format of what a parent and its child send each other through their socket. Without I/O: bytes in, frames out.
//
//   0      4      5        8
//   length  kind   door     payload
//
// All numbers are unsigned, least significant byte first. `length` is that of the payload. The child chooses the number
// of a door when it opens it; it uses each number only once.

import { MAX_MESSAGE_BYTES } from './message-door.ts';

/** Bytes that precede the payload of a frame. */
export const HEADER_BYTES = 8;
/** Maximum length of a door's name in UTF-8. Names are part of programs, so a longer one is a mistake. */
export const MAX_NAME_BYTES = 256;
/** Highest number of a door: three bytes. */
export const MAX_DOOR = 2 ** 24 - 1;

/** The kinds of frames, by the number that identifies them in a header. */
export const FRAME_KINDS = ['open', 'accept', 'refuse', 'message', 'close'] as const;
export type FrameKind = (typeof FRAME_KINDS)[number];

/** The longest payload of each kind. */
const MAX_PAYLOAD: Readonly<Record<FrameKind, number>> = {
  /** Child to parent: the child has opened a door; the payload is its name. */
  open: MAX_NAME_BYTES,
  /** Parent to child: the door is served, and messages may be sent. */
  accept: 0,
  /** Parent to child: the door is not served. */
  refuse: 0,
  message: MAX_MESSAGE_BYTES,
  /** The sender has closed the door: it sends nothing more, and ignores what still arrives. */
  close: 0,
};

export interface Frame {
  readonly kind: FrameKind;
  /** The number of the door. */
  readonly door: number;
  /** May be a view of the bytes that were received. */
  readonly payload: Uint8Array;
}

/** What a {@link FrameDecoder} returns. After `corrupt`, it is not known where the next frame starts. */
export type Decoded =
  | Frame
  | { readonly kind: 'need-data' }
  | { readonly kind: 'corrupt'; readonly problem: string };

const NEED_DATA = { kind: 'need-data' } as const;
const EMPTY = Buffer.alloc(0);

/** Writes the header of a frame to `target`, starting at `offset`. */
export function writeHeader(
  target: Buffer,
  offset: number,
  { kind, door, length }: { readonly kind: FrameKind; readonly door: number; readonly length: number },
): void {
  target.writeUInt32LE(length, offset);
  target.writeUInt32LE(FRAME_KINDS.indexOf(kind) + door * 256, offset + 4);
}

/** A frame of which only a part has arrived. */
interface Partial {
  readonly kind: FrameKind;
  readonly door: number;
  readonly payload: Buffer;
  /** How many bytes of the payload have arrived. */
  filled: number;
}

/** Takes frames out of the bytes that arrive, however they are split. */
export class FrameDecoder {
  #input: Buffer = EMPTY;
  #at = 0;
  /** The start of a header, if the input ended within it. */
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerFilled = 0;
  #partial: Partial | undefined;

  /** Adds bytes. Call {@link next} until it returns `need-data` before the next call. */
  receive(bytes: Buffer): void {
    this.#input = bytes;
    this.#at = 0;
  }

  next(): Decoded {
    if (this.#partial !== undefined) return this.#continue(this.#partial);
    const input = this.#input;
    const at = this.#at;
    if (this.#headerFilled === 0 && input.length - at >= HEADER_BYTES) {
      this.#at = at + HEADER_BYTES;
      return this.#begin(input, at);
    }
    const copied = input.copy(this.#header, this.#headerFilled, at);
    this.#at += copied;
    this.#headerFilled += copied;
    if (this.#headerFilled < HEADER_BYTES) return this.#needData();
    this.#headerFilled = 0;
    return this.#begin(this.#header, 0);
  }

  #begin(header: Buffer, offset: number): Decoded {
    const length = header.readUInt32LE(offset);
    const kindAndDoor = header.readUInt32LE(offset + 4);
    const kind = FRAME_KINDS[kindAndDoor & 0xff];
    if (kind === undefined)
      return corrupt(`a kind of ${FRAME_KINDS.length - 1} at most was expected, not ${kindAndDoor & 0xff}`);
    if (length > MAX_PAYLOAD[kind]) {
      return corrupt(
        `at most ${MAX_PAYLOAD[kind]} bytes were expected in a frame of the kind ${kind}, not ${length}`,
      );
    }
    const door = kindAndDoor >>> 8;
    const start = this.#at;
    if (this.#input.length - start >= length) {
      this.#at = start + length;
      return { kind, door, payload: this.#input.subarray(start, start + length) };
    }
    this.#partial = { kind, door, payload: Buffer.allocUnsafeSlow(length), filled: 0 };
    return this.#continue(this.#partial);
  }

  #continue(partial: Partial): Decoded {
    const copied = this.#input.copy(partial.payload, partial.filled, this.#at);
    this.#at += copied;
    partial.filled += copied;
    if (partial.filled < partial.payload.length) return this.#needData();
    this.#partial = undefined;
    return partial;
  }

  #needData(): Decoded {
    this.#input = EMPTY; // does not keep the bytes in memory while nothing arrives
    this.#at = 0;
    return NEED_DATA;
  }
}

function corrupt(problem: string): Decoded {
  return { kind: 'corrupt', problem };
}
