// This room knows frames and messages: heads, masks, fragments. It does not know how a connection is opened, or whether it
// should be closed.

import { Buffer } from 'node:buffer';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { readClosePayload } from '../closing/close-payload.ts';
import { WebSocketProtocolError, WebSocketUsageError } from '../errors.ts';
import { checkLimits, DEFAULT_LIMITS, type WebSocketLimits, webSocketChecks } from '../limits.ts';
import { type FrameHead, MAX_HEAD_BYTES, OPCODES, readFrameHead, type WebSocketRole } from './frame-head.ts';
import { maskInto, rotateKey } from './mask.ts';
import { MessageAssembly, readText } from './message-assembly.ts';

/** Nothing is complete. What was lent has been read, and may be overwritten. */
export const NEED_DATA = 0;
/** A whole message: see `message`. */
export const MESSAGE = 1;
/** Answer it with a pong of the same `payload`. */
export const PING = 2;
/** See `payload`. */
export const PONG = 3;
/** See `closeCode` and `closeReason`. Nothing follows. */
export const CLOSE = 4;

/** What `FrameDecoder.next` answers. The content of an event stands in the decoder's getters until the next call. */
export type FrameEvent = typeof NEED_DATA | typeof MESSAGE | typeof PING | typeof PONG | typeof CLOSE;

export interface FrameDecoderOptions extends Partial<WebSocketLimits> {
  /** Which end we are: a server insists on masked frames, a client on unmasked ones. */
  readonly role: WebSocketRole;
}

const DECODER_OPTIONS: OptionNames<FrameDecoderOptions> = {
  role: true,
  maxMessageBytes: true,
  maxFragments: true,
};

/** Where the current frame stands. What exists only in a state lives in that state. */
type State =
  | { readonly kind: 'head' | 'ended' }
  | { readonly kind: 'split-head'; readonly bytes: Buffer; length: number }
  | { readonly kind: 'data'; readonly head: FrameHead; readonly message: MessageAssembly; received: number }
  | { readonly kind: 'control'; readonly head: FrameHead; readonly payload: Uint8Array; received: number };

/**
 * Turns bytes of the peer into whole messages and control frames (RFC 6455 §5 to §8).
 *
 * Bytes are lent: {@link receive} keeps a reference, {@link next} works on it until it answers `NEED_DATA`, and
 * from then on the lender may overwrite them. Lent bytes are never written to. An event is a number and its content
 * stands in a getter, so that nothing is made for an event but its content: a small text frame takes 0.1 µs.
 *
 * After a close frame, and after an error, everything that follows is ignored (RFC 6455 §5.5.1, §7.1.7).
 *
 * @example
 * decoder.receive(bytes, 0, bytes.length);
 * for (let event = decoder.next(); event !== NEED_DATA; event = decoder.next()) {
 *   if (event === MESSAGE) console.log(decoder.message);
 * }
 */
export class FrameDecoder {
  readonly #role: WebSocketRole;
  readonly #limits: WebSocketLimits;
  #state: State = AT_HEAD;

  /** The bytes in hand: lent, or a copy that {@link hold} made. */
  #input: Buffer = NO_BYTES;
  #at = 0;
  #end = 0;
  #isInputOurs = false;

  /** The message whose frames are arriving, where it did not come in one piece. */
  #assembly: MessageAssembly | undefined;

  #message: string | Uint8Array = '';
  #payload: Uint8Array = NO_BYTES;
  #closeCode: number | undefined;
  #closeReason = '';

  /** @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_OPTION` for an option that is not known, and a limit out of range. */
  constructor(options: FrameDecoderOptions) {
    webSocketChecks.options('FrameDecoder', options, DECODER_OPTIONS);
    const { role, maxMessageBytes, maxFragments } = options;
    this.#role = role;
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

  /** After `MESSAGE`: text is a string. Bytes are yours, with an ArrayBuffer of their own. Gone with the next call. */
  get message(): string | Uint8Array {
    return this.#message;
  }

  /** After `PING` or `PONG`: at most 125 bytes, which are yours. Gone with the next call. */
  get payload(): Uint8Array {
    return this.#payload;
  }

  /** After `CLOSE`: the peer's code, or 1005 when it gave none. Before that `undefined`. */
  get closeCode(): number | undefined {
    return this.#closeCode;
  }

  /** After `CLOSE`: the peer's reason, or an empty string. */
  get closeReason(): string {
    return this.#closeReason;
  }

  /** Whether a close frame or an error has ended the conversation in this direction. */
  get isEnded(): boolean {
    return this.#state.kind === 'ended';
  }

  /** Bytes in hand that are not decoded, because the caller has stopped pulling. */
  get unreadBytes(): number {
    return this.#end - this.#at;
  }

  /**
   * Lends `bytes[start, end)`. Decodes nothing: call {@link next} until it answers `NEED_DATA`, or {@link hold}.
   *
   * @throws WebSocketUsageError `ERR_WEBSOCKET_UNREAD_INPUT` when earlier bytes are still unread: a caller that
   * stops pulling must stop reading too, else memory would have no bound.
   */
  receive(bytes: Buffer, start: number, end: number): void {
    if (this.#state === ENDED) return;
    if (this.#at < this.#end) {
      throw new WebSocketUsageError('ERR_WEBSOCKET_UNREAD_INPUT', `${this.#end - this.#at} bytes are unread`);
    }
    this.#input = bytes;
    this.#at = start;
    this.#end = end;
    this.#isInputOurs = false;
  }

  /** Copies what is unread, so that the lender may have its bytes back before `NEED_DATA`. Copies once only. */
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
   * @throws WebSocketProtocolError when the peer broke a rule or a limit: send a close frame with its `closeCode`.
   */
  next(): FrameEvent {
    this.#message = '';
    this.#payload = NO_BYTES;
    try {
      for (;;) {
        const event = this.#step(); // Ends: every step consumes input or answers.
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

  /** Takes one transition. Returns `undefined` when it only moved to another state. */
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
    const head = readFrameHead(this.#input, this.#at, this.#end, this.#role);
    if (head === undefined) {
      this.#state = { kind: 'split-head', bytes: Buffer.allocUnsafeSlow(MAX_HEAD_BYTES), length: 0 };
      return undefined;
    }
    this.#at += head.headBytes;
    return this.#beginFrame(head);
  }

  /** Byte by byte, so that nothing of the payload is taken: this happens where a read ended inside a head. */
  #readSplitHead(state: State & { kind: 'split-head' }): FrameEvent | undefined {
    while (this.#at < this.#end) {
      state.bytes[state.length] = this.#input[this.#at] as number;
      state.length += 1;
      this.#at += 1;
      const head = readFrameHead(state.bytes, 0, state.length, this.#role);
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
    this.#assembly ??= new MessageAssembly(head.opcode === OPCODES.text ? 'text' : 'binary');
    this.#checkFragments(this.#assembly);
    return this.#enter({ kind: 'data', head, message: this.#assembly, received: 0 });
  }

  #enter(state: State): undefined {
    this.#state = state;
    return undefined;
  }

  /** RFC 6455 §5.4, and the size that the head announces: nothing is allocated for a message that is too big. */
  #checkOrder(head: FrameHead): void {
    const isContinuation = head.opcode === OPCODES.continuation;
    if (isContinuation && this.#assembly === undefined) {
      throw new WebSocketProtocolError('ERR_WEBSOCKET_STRAY_CONTINUATION', 'there is no message to continue');
    }
    if (!isContinuation && this.#assembly !== undefined) {
      throw new WebSocketProtocolError('ERR_WEBSOCKET_INTERRUPTED_MESSAGE', 'a message began inside another');
    }
    const { maxMessageBytes } = this.#limits;
    const messageBytes = (this.#assembly?.length ?? 0) + head.payloadBytes;
    if (messageBytes > maxMessageBytes) {
      const detail = `a message of ${messageBytes} bytes or more, over ${maxMessageBytes}`;
      throw new WebSocketProtocolError('ERR_WEBSOCKET_MESSAGE_TOO_BIG', detail);
    }
  }

  #checkFragments(message: MessageAssembly): void {
    const { maxFragments } = this.#limits;
    if (message.countFragment() > maxFragments) {
      const detail = `a message in more than ${maxFragments} frames`;
      throw new WebSocketProtocolError('ERR_WEBSOCKET_TOO_MANY_FRAGMENTS', detail);
    }
  }

  /** The usual case: one frame, all of it in the lent bytes. */
  #readWholeMessage(head: FrameHead): FrameEvent {
    const start = this.#at;
    this.#at += head.payloadBytes;
    this.#state = AT_HEAD;
    if (head.opcode === OPCODES.text) {
      this.#message = readText(this.#input, start, this.#at, head.key);
    } else {
      const bytes = new Uint8Array(head.payloadBytes);
      maskInto(this.#input, start, this.#at, head.key, bytes, 0);
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
    this.#message = message.finish();
    return MESSAGE;
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

  /** Lets go of the lent bytes. What is incomplete has been copied into the state. */
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

const AT_HEAD: State = { kind: 'head' };
const ENDED: State = { kind: 'ended' };
const NO_BYTES = Buffer.alloc(0);
