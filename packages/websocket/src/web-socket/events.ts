import { CLOSE_CODES } from '../protocol/index.ts';

/** As in the DOM's types, which Node's types name differently in each version. */
export type Listener = NonNullable<Parameters<EventTarget['addEventListener']>[1]>;
export type ListenerOptions = NonNullable<Parameters<EventTarget['addEventListener']>[2]>;

export interface CloseEventInit {
  readonly bubbles?: boolean;
  readonly cancelable?: boolean;
  readonly composed?: boolean;
  readonly wasClean?: boolean;
  readonly code?: number;
  readonly reason?: string;
}

/** How binary messages are delivered. */
export type BinaryType = 'blob' | 'arraybuffer';

/** Returns the `data` of the event for a message. @param message - bytes are copied. */
export function toEventData(
  message: string | Uint8Array,
  binaryType: BinaryType,
): string | Blob | ArrayBuffer {
  if (typeof message === 'string') return message;
  if (binaryType === 'blob') return new Blob([message as Uint8Array<ArrayBuffer>]);
  const { buffer, byteOffset, byteLength } = message;
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
}

/** The event `close` of a `WebSocket`, as in browsers. Node has such a global only from version 23 on. */
export class CloseEvent extends Event {
  /** Whether both sides have sent a close frame. */
  readonly wasClean: boolean;
  /** The code in the peer's close frame: 1005 if it had none, 1006 if there was no close frame. */
  readonly code: number;
  readonly reason: string;

  constructor(type: string, init: CloseEventInit = {}) {
    super(type, init);
    this.wasClean = init.wasClean ?? false;
    this.code = init.code ?? 0;
    this.reason = init.reason ?? '';
  }
}

/** Creates the event for a connection that has ended. @param code - of the peer's close frame. Default: 1006. */
export function closeEventOf(code: number = CLOSE_CODES.abnormal, reason = ''): CloseEvent {
  return new CloseEvent('close', { wasClean: code !== CLOSE_CODES.abnormal, code, reason });
}

/** The event `error` of a `WebSocket`. Browsers tell nothing about the error; here, the event has it. */
export class ErrorEvent extends Event {
  readonly error: unknown;
  readonly message: string;

  constructor(error: unknown) {
    super('error');
    this.error = error;
    this.message = error instanceof Error ? error.message : String(error);
  }
}
