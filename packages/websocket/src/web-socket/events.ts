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

/** The event `close` of a {@link WebSocket}, as in browsers. Node has such a global only from version 23 on. */
export class CloseEvent extends Event {
  /** Whether both sides have sent a close frame. */
  readonly wasClean: boolean;
  /** The code in the server's close frame: 1005 if it had none, 1006 if there was no close frame. */
  readonly code: number;
  readonly reason: string;

  constructor(type: string, init: CloseEventInit = {}) {
    super(type, init);
    this.wasClean = init.wasClean ?? false;
    this.code = init.code ?? 0;
    this.reason = init.reason ?? '';
  }
}

/** The event `error` of a {@link WebSocket}. Browsers tell nothing about the error; here, the event has it. */
export class ErrorEvent extends Event {
  readonly error: unknown;
  readonly message: string;

  constructor(error: unknown) {
    super('error');
    this.error = error;
    this.message = error instanceof Error ? error.message : String(error);
  }
}
