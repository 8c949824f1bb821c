import { isTemporary, TopicsError } from './errors.ts';
import type { Frame } from './events.ts';
import type { TopicsSettings } from './options.ts';
import type { TopicsSignal } from './platform.ts';
import { PUBLISH_LIMIT_MS, REPEAT_MS, retryDelay, WHEN_BUSY } from './timing.ts';

export interface PublishOptions {
  /** Gives up, and rejects with its reason. If the publish was sent before, the record may exist nevertheless. */
  readonly signal?: TopicsSignal;
  /** How long to wait for the acknowledgement, in milliseconds. Default: 60,000. */
  readonly timeoutMs?: number;
  /**
   * Names the record: of publishes with the same name within two minutes, the server stores one. Default: a random name.
   */
  readonly ref?: string;
}

/** What the server is asked to do, and has not acknowledged. */
export interface Call {
  /** As on the wire, without an id. */
  readonly frame: {
    readonly op: 'pub' | 'cancel';
    readonly topic?: string;
    readonly run?: string;
    readonly data?: unknown;
    readonly ref?: string;
  };
  isSent: boolean;
  /** When it was sent for the first time, by the clock of the wall, which goes on while a device sleeps. */
  sentAt?: number;
  readonly settle: (error: unknown, reply?: Frame) => void;
}

/** Publishes and cancels until the server has acknowledged them, in the order of the calls. */
export class Outbox {
  readonly #settings: TopicsSettings;
  readonly #onReady: () => void;
  readonly #calls = new Set<Call>();
  /** Ends a pause, which lasts because the server is busy. */
  #stopPause: (() => void) | undefined;

  /** @param onReady - called when there may be something to send again. */
  constructor(settings: TopicsSettings, onReady: () => void) {
    this.#settings = settings;
    this.#onReady = onReady;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** Resolves with what the acknowledgement says: a cursor, or how a run has ended. */
  add(frame: Call['frame'], options: PublishOptions): Promise<string> {
    // Random, so that the names of no two clients are equal.
    const { signal, timeoutMs = PUBLISH_LIMIT_MS, ref = `${Math.random()}${Math.random()}` } = options;
    const { later, maxPending } = this.#settings;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) throw signal.reason;
      if (this.#calls.size >= maxPending) throw new TopicsError('ERR_TOPICS_QUEUE_FULL');
      const call: Call = {
        // A copy, in case the program changes the data later.
        frame: JSON.parse(JSON.stringify({ ...frame, ref })),
        isSent: false,
        settle: (error, reply) => {
          stopTimer();
          signal?.removeEventListener('abort', onAbort);
          this.#calls.delete(call);
          if (reply) resolve((reply.how ?? reply.cursor) as string);
          else reject(error);
        },
      };
      const onAbort = () => call.settle(signal?.reason);
      const stopTimer = later(timeoutMs, () => call.settle(tooLate(call)));
      signal?.addEventListener('abort', onAbort);
      this.#calls.add(call);
    });
  }

  /** Calls `send` for what is to be sent, while less than `limit` is on its way. */
  send(limit: number, send: (call: Call) => void): void {
    const now = Date.now();
    let inFlight = 0;
    for (const call of this.#calls) {
      if (!call.isSent) {
        if (this.#stopPause || inFlight >= limit) return;
        call.sentAt ??= now;
        if (call.frame.topic && Math.abs(now - call.sentAt) > REPEAT_MS) {
          call.settle(tooLate(call));
          continue;
        }
        call.isSent = true;
        send(call);
      }
      inFlight += 1;
    }
  }

  /** Takes the response to a call: a reply, or else an error. */
  settle(call: Call, error: TopicsError | undefined, reply?: Frame): void {
    if (!error) call.settle(error, reply);
    else if (!isTemporary(error.code)) call.settle(error);
    else if (this.#calls.has(call)) {
      call.isSent = false;
      const delayMs = (reply?.retryMs as number) || retryDelay(this.#settings, WHEN_BUSY);
      this.#stopPause ??= this.#settings.later(delayMs, () => {
        this.#stopPause = undefined;
        this.#onReady();
      });
    }
  }

  /** The connection is lost: what was on its way is sent again over the next. */
  lost(code?: number): void {
    for (const call of this.#calls) {
      // A message was too big. It would be so again, and nothing else would get through.
      if (code === 1009 && call.isSent) call.settle(tooLate(call));
      call.isSent = false;
    }
  }

  close(error: TopicsError): void {
    this.#stopPause?.();
    for (const call of this.#calls) call.settle(error);
  }
}

function tooLate({ sentAt }: Call): TopicsError {
  return new TopicsError(sentAt ? 'ERR_TOPICS_OUTCOME_UNKNOWN' : 'ERR_TOPICS_TIMEOUT');
}
