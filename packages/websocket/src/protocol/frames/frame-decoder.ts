// Frames and messages: heads, masks, fragments. Does not open or close connections.

import { Buffer } from 'node:buffer';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { readClosePayload } from '../closing/close-payload.ts';
import { WebSocketProtocolError, WebSocketUsageError } from '../errors.ts';
import {
  checkLimits,
  DEFAULT_LIMITS,
  MAX_CONTROL_BYTES,
  type WebSocketLimits,
  webSocketChecks,
} from '../limits.ts';
import { type FrameHead, MAX_HEAD_BYTES, OPCODES, readFrameHead, type WebSocketRole } from './frame-head.ts';
import { maskInto, packKeyAt, rotateKey } from './mask.ts';
import { MessageAssembly, readText } from './message-assembly.ts';

/** No event is complete yet. All borrowed bytes have been read and may be overwritten. */
export const NEED_DATA = 0;
/** A complete message: see `message`. */
export const MESSAGE = 1;
/** A ping: respond with a pong of the same `payload`. */
export const PING = 2;
/** A pong: see `payload`. */
export const PONG = 3;
/** A close frame: see `closeCode` and `closeReason`. No event follows. */
export const CLOSE = 4;
/** A complete message that is still compressed: see `compressed` and `isText`. Only with the option `mayCompress`. */
export const COMPRESSED_MESSAGE = 5;

/** The result of `FrameDecoder.next`. Until the next call, the content of the event is in the decoder's getters. */
export type FrameEvent =
  | typeof NEED_DATA
  | typeof MESSAGE
  | typeof PING
  | typeof PONG
  | typeof CLOSE
  | typeof COMPRESSED_MESSAGE;

export interface FrameDecoderOptions extends Partial<WebSocketLimits> {
  /** Which side this is: a server requires masked frames, a client unmasked ones. */
  readonly role: WebSocketRole;
  /**
   * Whether permessage-deflate was negotiated (RFC 7692). Messages may then be compressed, and are reported as
   * `COMPRESSED_MESSAGE`: the decoder does not inflate. Their limit is a little higher than `maxMessageBytes`, because
   * compression lengthens data that is not compressible. Default: false.
   */
  readonly mayCompress?: boolean;
}

const DECODER_OPTIONS: OptionNames<FrameDecoderOptions> = {
  role: true,
  mayCompress: true,
  maxMessageBytes: true,
  maxFragments: true,
};

/** The state of the current frame. Data that exists only in one state is part of that state. */
type State =
  | { readonly kind: 'head' | 'ended' }
  | { readonly kind: 'split-head'; readonly bytes: Buffer; length: number }
  | { readonly kind: 'data'; readonly head: FrameHead; readonly message: MessageAssembly; received: number }
  | { readonly kind: 'control'; readonly head: FrameHead; readonly payload: Uint8Array; received: number };

/**
 * Decodes bytes from the peer into complete messages and control frames (RFC 6455 §5 to §8).
 *
 * Bytes are borrowed: {@link receive} keeps a reference, and {@link next} reads from it until it returns `NEED_DATA`.
 * After that the owner may overwrite them. The decoder never writes to them. An event is only a number, and its content
 * is in a getter, so that only the content is allocated: a small text frame takes 0.1 µs.
 *
 * After a close frame or an error, all further bytes are ignored (RFC 6455 §5.5.1, §7.1.7).
 *
 * @example
 * decoder.receive(bytes, 0, bytes.length);
 * for (let event = decoder.next(); event !== NEED_DATA; event = decoder.next()) {
 *   if (event === MESSAGE) console.log(decoder.message);
 * }
 */
export class FrameDecoder {
  readonly #role: WebSocketRole;
  readonly #mayCompress: boolean;
  readonly #limits: WebSocketLimits;
  #state: State = AT_HEAD;

  /** The bytes to decode: borrowed, or a copy made by {@link hold}. */
  #input: Buffer = NO_BYTES;
  #at = 0;
  #end = 0;
  #isInputOurs = false;

  /** The message whose frames are being received, unless it arrives in one piece. */
  #assembly: MessageAssembly | undefined;

  #message: string | Uint8Array = '';
  #isText = false;
  #payload: Uint8Array = NO_BYTES;
  #closeCode: number | undefined;
  #closeReason = '';

  /** @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_OPTION` if an option is unknown or a limit is out of range. */
  constructor(options: FrameDecoderOptions) {
    webSocketChecks.options('FrameDecoder', options, DECODER_OPTIONS);
    const { role, mayCompress = false, maxMessageBytes, maxFragments } = options;
    this.#role = role;
    this.#mayCompress = mayCompress;
    if (maxMessageBytes === undefined && maxFragments === undefined) {
      this.#limits = DEFAULT_LIMITS;
      return;
    }
    this.#limits = {
      maxMessageBytes: maxMessageBytes ?? DEFAULT_LIMITS.maxMessageBytes,
      maxFragments: maxFragments ?? DEFAULT_LIMITS.maxFragments,
    };
    checkLimits(this.#limits);
  }

  /**
   * After `MESSAGE`: a string for text; otherwise bytes with an ArrayBuffer of their own, which the caller owns.
   * Cleared by the next call.
   */
  get message(): string | Uint8Array {
    return this.#message;
  }

  /**
   * After `COMPRESSED_MESSAGE`: the payload without its masking, which the caller owns. To inflate it, append 00 00 FF
   * FF (RFC 7692 §7.2.2). Cleared by the next call.
   */
  get compressed(): Uint8Array {
    return this.#payload;
  }

  /** After `COMPRESSED_MESSAGE`: whether the message is text, which must be checked to be UTF-8 when it is inflated. */
  get isText(): boolean {
    return this.#isText;
  }

  /** After `PING` or `PONG`: at most 125 bytes, which the caller owns. Cleared by the next call. */
  get payload(): Uint8Array {
    return this.#payload;
  }

  /** After `CLOSE`: the peer's code, or 1005 if it sent none. `undefined` before that. */
  get closeCode(): number | undefined {
    return this.#closeCode;
  }

  /** After `CLOSE`: the peer's reason, or an empty string. */
  get closeReason(): string {
    return this.#closeReason;
  }

  /** Whether a close frame or an error has ended decoding. */
  get isEnded(): boolean {
    return this.#state.kind === 'ended';
  }

  /** Bytes that were received but not decoded, because the caller stopped calling {@link next}. */
  get unreadBytes(): number {
    return this.#end - this.#at;
  }

  /**
   * Borrows `bytes[start, end)`. Decodes nothing: call {@link next} until it returns `NEED_DATA`, or call {@link hold}.
   *
   * @throws WebSocketUsageError `ERR_WEBSOCKET_UNREAD_INPUT` if earlier bytes are still unread: a caller that stops
   *   calling {@link next} must stop reading too, or memory would be unlimited.
   */
  receive(bytes: Buffer, start: number, end: number): void {
    if (this.#state === ENDED) return;
    if (this.#at < this.#end) {
      throw new WebSocketUsageError(
        'ERR_WEBSOCKET_UNREAD_INPUT',
        `receive: ${this.#end - this.#at} earlier bytes are not decoded yet`,
      );
    }
    this.#input = bytes;
    this.#at = start;
    this.#end = end;
    this.#isInputOurs = false;
  }

  /**
   * Copies the unread bytes, so that the owner of the original may overwrite it before `NEED_DATA`. Bytes are copied at
   * most once.
   */
  hold(): void {
    if (this.#isInputOurs || this.#at === this.#end) return;
    const unread = Buffer.allocUnsafeSlow(this.#end - this.#at);
    unread.set(this.#input.subarray(this.#at, this.#end));
    this.#input = unread;
    this.#at = 0;
    this.#end = unread.length;
    this.#isInputOurs = true;
  }

  /**
   * Decodes up to the next event.
   *
   * @throws WebSocketProtocolError if the peer broke a rule or a limit: send a close frame with its `closeCode`.
   */
  next(): FrameEvent {
    this.#message = '';
    this.#payload = NO_BYTES;
    try {
      if (this.#state === AT_HEAD && this.#readShortText()) return MESSAGE;
      for (;;) {
        const event = this.#step(); // Ends: every step consumes input or returns an event.
        if (event !== undefined) return event;
      }
    } catch (error) {
      this.#endConversation();
      throw error;
    }
  }

  [INSPECT](): object {
    return inspection(this, ['isEnded', 'unreadBytes', 'closeCode'], () => ({ role: this.#role }));
  }

  /**
   * Reads the most common kind of frame without creating an object for its head: a masked text of at most 125 bytes
   * that is complete and is the whole message.
   *
   * @returns false if it is another kind of frame; nothing was read then.
   */
  #readShortText(): boolean {
    const input = this.#input;
    const at = this.#at;
    if (this.#end - at < SHORT_HEAD_BYTES || input[at] !== WHOLE_TEXT || this.#role !== 'server')
      return false;
    const length = (input[at + 1] as number) - MASK_BIT;
    const start = at + SHORT_HEAD_BYTES;
    // Longer frames have an extended length, and frames without the mask bit a negative one.
    if (length < 0 || length > MAX_CONTROL_BYTES || this.#end - start < length) return false;
    if (this.#assembly !== undefined || length > this.#limits.maxMessageBytes) return false;
    this.#at = start + length;
    this.#message = readText(input, start, this.#at, packKeyAt(input, at + 2));
    return true;
  }

  /** Makes one transition. Returns `undefined` if it only moved to another state. */
  #step(): FrameEvent | undefined {
    const state = this.#state;
    switch (state.kind) {
      case 'head':
        return this.#readHead();
      case 'split-head':
        return this.#readSplitHead(state);
      case 'data':
        return this.#readData(state);
      case 'control':
        return this.#readControl(state);
      case 'ended':
        return NEED_DATA;
    }
  }

  #readHead(): FrameEvent | undefined {
    if (this.#at === this.#end) return this.#needData();
    const head = readFrameHead(this.#input, this.#at, this.#end, this.#role, this.#mayCompress);
    if (head === undefined) {
      this.#state = { kind: 'split-head', bytes: Buffer.allocUnsafeSlow(MAX_HEAD_BYTES), length: 0 };
      return undefined;
    }
    this.#at += head.headBytes;
    return this.#beginFrame(head);
  }

  /** Reads a head that is split between reads, byte by byte, so that no payload is consumed. */
  #readSplitHead(state: State & { kind: 'split-head' }): FrameEvent | undefined {
    while (this.#at < this.#end) {
      state.bytes[state.length] = this.#input[this.#at] as number;
      state.length += 1;
      this.#at += 1;
      const head = readFrameHead(state.bytes, 0, state.length, this.#role, this.#mayCompress);
      if (head !== undefined) return this.#beginFrame(head);
    }
    return this.#needData();
  }

  #beginFrame(head: FrameHead): FrameEvent | undefined {
    if (head.opcode >= OPCODES.close) {
      const payload = new Uint8Array(head.payloadBytes);
      return this.#enter({ kind: 'control', head, payload, received: 0 });
    }
    this.#checkOrder(head);
    const isWhole = head.fin && this.#assembly === undefined && this.#end - this.#at >= head.payloadBytes;
    if (isWhole) return this.#readWholeMessage(head);
    this.#assembly ??= new MessageAssembly(
      head.opcode === OPCODES.text ? 'text' : 'binary',
      head.isCompressed,
    );
    this.#checkFragments(this.#assembly);
    return this.#enter({ kind: 'data', head, message: this.#assembly, received: 0 });
  }

  #enter(state: State): undefined {
    this.#state = state;
    return undefined;
  }

  /**
   * Checks the order of frames (RFC 6455 §5.4) and the announced size: nothing is allocated for a message that is too
   * large.
   */
  #checkOrder(head: FrameHead): void {
    const isContinuation = head.opcode === OPCODES.continuation;
    if (isContinuation && this.#assembly === undefined) {
      throw new WebSocketProtocolError(
        'ERR_WEBSOCKET_STRAY_CONTINUATION',
        'a continuation frame without a message to continue',
      );
    }
    if (!isContinuation && this.#assembly !== undefined) {
      throw new WebSocketProtocolError(
        'ERR_WEBSOCKET_INTERRUPTED_MESSAGE',
        'a new message started before the previous one was complete',
      );
    }
    const isCompressed = this.#assembly?.isCompressed ?? head.isCompressed;
    const maxBytes = this.#limits.maxMessageBytes;
    const maxMessageBytes = isCompressed
      ? maxBytes + Math.ceil(maxBytes / 16) + DEFLATE_OVERHEAD_BYTES
      : maxBytes;
    const messageBytes = (this.#assembly?.length ?? 0) + head.payloadBytes;
    if (messageBytes > maxMessageBytes) {
      const detail = `a message of ${messageBytes} bytes or more exceeds the limit of ${maxMessageBytes} bytes`;
      throw new WebSocketProtocolError('ERR_WEBSOCKET_MESSAGE_TOO_BIG', detail);
    }
  }

  #checkFragments(message: MessageAssembly): void {
    const { maxFragments } = this.#limits;
    if (message.countFragment() > maxFragments) {
      const detail = `a message must have at most ${maxFragments} frames`;
      throw new WebSocketProtocolError('ERR_WEBSOCKET_TOO_MANY_FRAGMENTS', detail);
    }
  }

  /** The usual case: a message in one frame, all of it in the borrowed bytes. */
  #readWholeMessage(head: FrameHead): FrameEvent {
    const start = this.#at;
    this.#at += head.payloadBytes;
    this.#state = AT_HEAD;
    if (!head.isCompressed && head.opcode === OPCODES.text) {
      this.#message = readText(this.#input, start, this.#at, head.key);
    } else {
      const bytes = new Uint8Array(head.payloadBytes);
      maskInto(this.#input, start, this.#at, head.key, bytes, 0);
      if (head.isCompressed) return this.#compressedMessage(bytes, head.opcode === OPCODES.text);
      this.#message = bytes;
    }
    return MESSAGE;
  }

  #readData(state: State & { kind: 'data' }): FrameEvent | undefined {
    const { head, message } = state;
    const owed = head.payloadBytes - state.received;
    const taken = Math.min(owed, this.#end - this.#at);
    const key = rotateKey(head.key, state.received);
    message.append(this.#input, this.#at, this.#at + taken, key, message.length + owed);
    this.#at += taken;
    state.received += taken;
    if (taken < owed) return this.#needData();
    this.#state = AT_HEAD;
    if (!head.fin) return undefined;
    this.#assembly = undefined;
    if (message.isCompressed) return this.#compressedMessage(message.finishBytes(), message.isText);
    this.#message = message.finish();
    return MESSAGE;
  }

  #compressedMessage(bytes: Uint8Array, isText: boolean): FrameEvent {
    this.#payload = bytes;
    this.#isText = isText;
    return COMPRESSED_MESSAGE;
  }

  #readControl(state: State & { kind: 'control' }): FrameEvent | undefined {
    const { head, payload } = state;
    const owed = payload.length - state.received;
    const taken = Math.min(owed, this.#end - this.#at);
    const key = rotateKey(head.key, state.received);
    maskInto(this.#input, this.#at, this.#at + taken, key, payload, state.received);
    this.#at += taken;
    state.received += taken;
    if (taken < owed) return this.#needData();
    this.#state = AT_HEAD;
    if (head.opcode === OPCODES.close) return this.#readClose(payload);
    this.#payload = payload;
    return head.opcode === OPCODES.ping ? PING : PONG;
  }

  #readClose(payload: Uint8Array): FrameEvent {
    const { code, reason } = readClosePayload(payload);
    this.#closeCode = code;
    this.#closeReason = reason;
    this.#endConversation();
    return CLOSE;
  }

  /** Releases the borrowed bytes. Incomplete data has already been copied into the state. */
  #needData(): FrameEvent {
    this.#input = NO_BYTES;
    this.#at = 0;
    this.#end = 0;
    return NEED_DATA;
  }

  #endConversation(): void {
    this.#needData();
    this.#state = ENDED;
    this.#assembly = undefined;
  }
}

/** The first byte of a text message in one frame: FIN, no reserved bits. */
const WHOLE_TEXT = 0x80 | OPCODES.text;
const MASK_BIT = 0x80;
/** Two bytes and a masking key. */
const SHORT_HEAD_BYTES = 6;
/**
 * Data that is not compressible gets longer by 5 bytes for each stored block, whose size depends on the memory of the
 * compressor: up to 4 % with the least memory that zlib accepts.
 */
const DEFLATE_OVERHEAD_BYTES = 64;

const AT_HEAD: State = { kind: 'head' };
const ENDED: State = { kind: 'ended' };
const NO_BYTES = Buffer.alloc(0);
