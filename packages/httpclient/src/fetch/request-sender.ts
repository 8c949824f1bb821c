import type { AsyncResource } from 'node:async_hooks';
import type { ClientConnection } from '@landspout/http1/client';
import type { Clock, ClockTimer } from '@landspout/ioloop';
import { BodyStop, discardBody, type OutgoingBody, writeBody } from '../request/request-body.ts';

/** How long a body waits for `100 Continue` (RFC 9110 §10.1.1: not for an unlimited time). */
const CONTINUE_MS = 1_000;

/** Sends the body of one request whose head was sent. Created only for requests with a body. */
export class RequestSender {
  readonly #http: ClientConnection;
  readonly #body: OutgoingBody;
  readonly #clock: Clock;
  readonly #context: AsyncResource | undefined;
  readonly #end = new BodyStop();
  readonly #failed: (error: unknown) => void;
  #timer: ClockTimer | undefined;
  #state: 'waiting' | 'sending' | 'sent' | 'over' = 'waiting';
  #sentAt = 0;

  /**
   * @param context - the async context of the caller, whose code may produce the body.
   * @param failed - is called if the body cannot be produced or written.
   */
  constructor(
    http: ClientConnection,
    body: OutgoingBody,
    clock: Clock,
    context: AsyncResource | undefined,
    failed: (error: unknown) => void,
  ) {
    this.#failed = failed;
    this.#http = http;
    this.#body = body;
    this.#clock = clock;
    this.#context = context;
  }

  /** When the whole body had been passed to the connection; 0 before that. */
  get sentAt(): number {
    return this.#sentAt;
  }

  /** Waits until {@link send} is called because the server asks for the body, or until a second has passed. */
  awaitContinue(): void {
    this.#timer = this.#clock.setTimeout(() => this.send(), CONTINUE_MS);
  }

  /** Sends the body, unless it was sent or given up. */
  send(): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'sending';
    this.#timer?.cancel();
    const write = (): Promise<void> => writeBody(this.#http, this.#body, this.#end);
    const writing = this.#context === undefined ? write() : this.#context.runInAsyncScope(write);
    writing.then(
      () => {
        if (this.#state !== 'sending') return;
        this.#state = 'sent';
        this.#sentAt = this.#clock.now();
      },
      (error) => {
        if (this.#state === 'sending') this.#failed(error);
      },
    );
  }

  /** The exchange has ended, or the server has responded before it asked for the body: no more is sent. */
  giveUp(): void {
    this.#timer?.cancel();
    if (this.#state === 'waiting') discardBody(this.#body);
    if (this.#state !== 'sent') this.#state = 'over';
    this.#end.stop();
  }

  /** Whether the server has not asked for the body yet. */
  get isWaiting(): boolean {
    return this.#state === 'waiting';
  }

  /** Whether the body is not sent completely. */
  get isSending(): boolean {
    return this.#state === 'sending' || this.#state === 'waiting';
  }
}
