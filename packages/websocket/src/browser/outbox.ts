// Closures rather than a class, because they are smaller once minified.

import { isTemporary, TopicsError } from './errors.ts';
import type { Frame } from './events.ts';
import type { TopicsSettings } from './options.ts';
import { platform, type TopicsSignal } from './platform.ts';
import { MAX_IN_FLIGHT, PUBLISH_LIMIT_MS, REPEAT_MS, retryDelay, WHEN_BUSY } from './timing.ts';

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
  isSent?: boolean;
  /** When it was sent for the first time, by the clock of the wall, which goes on while a device sleeps. */
  sentAt?: number;
  readonly settle: (error: unknown, reply?: Frame) => void;
}

/** Publishes and cancels until the server has acknowledged them, in the order of the calls. */
export interface Outbox {
  /** How many calls are not acknowledged. */
  size(): number;
  /** Resolves with what the acknowledgement says: a cursor, or how a run has ended. */
  add(frame: Call['frame'], options: PublishOptions): Promise<string>;
  /** Calls `send` for what is to be sent, while less than `limit` is on its way. */
  send(limit: number, send: (call: Call) => void): void;
  /** Takes the response to a call: a reply, or else an error. */
  settle(call: Call, error: TopicsError | false, reply?: Frame): void;
  /** The connection is lost: what was on its way is sent again over the next. */
  lost(code?: number): void;
  /** Ends a pause: a connection that has just opened is another one than that which was busy. */
  resume(): void;
  close(error: TopicsError): void;
}

/** @param onReady - called when there may be something to send again. */
export function createOutbox(settings: TopicsSettings, onReady: () => void): Outbox {
  const calls = new Set<Call>();
  const { later } = settings;
  /**
   * How many may be on their way, if `limit` is not less; 0 counts as 1. It begins at 0 again after a refusal, so that two
   * successes come before the next attempt to send faster: with one, most attempts would be refused.
   */
  let window = MAX_IN_FLIGHT;
  /** Ends a pause, which lasts because the server is busy. */
  let stopPause: (() => void) | undefined;
  const resume = () => {
    stopPause?.();
    stopPause = undefined;
  };
  return {
    size: () => calls.size,
    add(frame, { signal, timeoutMs = PUBLISH_LIMIT_MS, ref = `${Math.random()}${Math.random()}` }) {
      // The default of `ref` is random, so that the names of no two clients are equal.
      return new Promise((resolve, reject) => {
        if (signal?.aborted) throw signal.reason;
        if (calls.size >= settings.maxPending) throw new TopicsError('ERR_TOPICS_QUEUE_FULL');
        const call: Call = {
          // A copy, in case the program changes the data later.
          frame: JSON.parse(JSON.stringify({ ...frame, ref })),
          settle(error, reply) {
            stopTimer();
            signal?.removeEventListener('abort', onAbort);
            calls.delete(call);
            if (reply) resolve((reply.how ?? reply.cursor) as string);
            else reject(error);
          },
        };
        const onAbort = () => call.settle(signal?.reason);
        const stopTimer = later(timeoutMs, () => call.settle(tooLate(call)));
        signal?.addEventListener('abort', onAbort);
        calls.add(call);
      });
    },
    send(limit, send) {
      const now = Date.now();
      // All of them, also those after the first one that is to be sent: their replies tell how the window changes.
      let inFlight = [...calls].filter(({ isSent }) => isSent).length;
      for (const call of calls) {
        if (call.isSent) continue;
        if (stopPause || (inFlight && inFlight >= Math.min(limit, window))) return;
        call.sentAt ??= now;
        if (call.frame.topic && Math.abs(now - call.sentAt) > REPEAT_MS) call.settle(tooLate(call));
        else {
          inFlight += 1;
          call.isSent = true;
          send(call);
        }
      }
    },
    settle(call, error, reply) {
      if (!error) {
        window += 1;
        call.settle(error, reply);
      } else if (!isTemporary(error.code)) call.settle(error);
      else if (calls.has(call)) {
        call.isSent = false;
        window = 0;
        stopPause ??= later((reply?.retryMs as number) || retryDelay(settings, WHEN_BUSY), () => {
          resume();
          onReady();
        });
      }
    },
    lost(code) {
      let largest: Call | undefined;
      for (const call of calls) {
        // A message was too big. It would be so again, and nothing else would get through.
        if (code === 1009 && call.isSent && sizeOf(call) > sizeOf(largest)) largest = call;
        call.isSent = false;
      }
      largest?.settle(new TopicsError('ERR_TOPICS_RECORD_TOO_LARGE'));
    },
    resume,
    close(error) {
      resume();
      for (const call of calls) call.settle(error);
    },
  };
}

/** Returns how many bytes a call has on the wire, without what all have. */
function sizeOf(call: Call | undefined): number {
  return new platform.Blob([JSON.stringify(call?.frame)]).size;
}

function tooLate({ sentAt }: Call): TopicsError {
  return new TopicsError(sentAt ? 'ERR_TOPICS_OUTCOME_UNKNOWN' : 'ERR_TOPICS_TIMEOUT');
}
