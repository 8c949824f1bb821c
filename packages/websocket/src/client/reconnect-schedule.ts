import { shownValue } from '@landspout/ioloop/errors';
import { WebSocketReconnectError } from '../connection/errors.ts';
import { CLOSE_CODES } from '../protocol/index.ts';
import { webSocketChecks } from '../protocol/limits.ts';
import type { ReconnectSettings, WebSocketDisconnect, WebSocketLoss } from './reconnect-options.ts';
import { reconnectDelay, retryAfterMs } from './reconnect-policy.ts';

/** How one attempt has ended. */
export interface AttemptOutcome extends Omit<WebSocketLoss, 'attempt'> {
  readonly isTemporary: boolean;
  /** Whether the connection was open for `stableMs`. */
  readonly isStable: boolean;
}

/** What follows an attempt. */
export interface NextStep {
  readonly disconnect: WebSocketDisconnect;
  /** The error with which the WebSocket ends; `undefined` if it continues, or ends without an error. */
  readonly failure: { readonly error: unknown } | undefined;
}

/** Counts the attempts of one `ReconnectingWebSocket`, and decides what follows each. */
export class ReconnectSchedule {
  readonly #settings: ReconnectSettings;
  #attempt = 0;
  /** Failures in a row, including the loss of a stable connection. */
  #failures = 0;

  constructor(settings: ReconnectSettings) {
    this.#settings = settings;
  }

  /** See `ReconnectingWebSocket.attempt`. */
  get attempt(): number {
    return this.#attempt;
  }

  startAttempt(): void {
    this.#attempt += 1;
  }

  /** Decides what follows the attempt that was started last. @throws the error of `shouldReconnect`. */
  decide({ code, reason, error, isTemporary, isStable }: AttemptOutcome): NextStep {
    const loss: WebSocketLoss = { code, reason, error, attempt: this.#attempt };
    const isWanted = this.#isWanted(loss, isTemporary);
    if (isStable) {
      this.#attempt = 0;
      this.#failures = 0;
    }
    this.#failures += 1;
    const { maxAttempts } = this.#settings;
    if (isWanted && this.#attempt < maxAttempts) {
      return { disconnect: { ...loss, retryInMs: this.#delay(code, error) }, failure: undefined };
    }
    const disconnect = { ...loss, retryInMs: undefined };
    if (isWanted) return { disconnect, failure: { error: attemptsError(loss, maxAttempts) } };
    if (code === CLOSE_CODES.normal) return { disconnect, failure: undefined };
    return { disconnect, failure: { error: code === undefined ? error : notReconnected(loss) } };
  }

  #isWanted(loss: WebSocketLoss, isTemporary: boolean): boolean {
    const { shouldReconnect } = this.#settings;
    if (shouldReconnect === undefined) return isTemporary;
    const wanted = shouldReconnect({ ...loss, isTemporary });
    // A promise would always mean yes.
    return webSocketChecks.boolean('ReconnectingWebSocket', 'the result of shouldReconnect', wanted);
  }

  #delay(code: number | undefined, error: unknown): number {
    const { clock, random } = this.#settings;
    const cause = { code, retryAfterMs: retryAfterMs(error, clock.wallTime()) };
    return reconnectDelay(this.#failures, this.#settings, cause, random());
  }
}

function attemptsError(loss: WebSocketLoss, maxAttempts: number): WebSocketReconnectError {
  const count = maxAttempts === 1 ? '1 attempt has' : `${maxAttempts} attempts in a row have`;
  return endedBy(loss, 'ERR_WEBSOCKET_ATTEMPTS', `${count} failed; the last one: ${howItEnded(loss)}`);
}

function notReconnected(loss: WebSocketLoss): WebSocketReconnectError {
  const message = `the connection was closed, and is not replaced: ${howItEnded(loss)}`;
  return endedBy(loss, 'ERR_WEBSOCKET_NOT_RECONNECTED', message);
}

function howItEnded({ code, reason, error }: WebSocketLoss): string {
  if (error !== undefined) return error instanceof Error ? error.message : shownValue(error);
  if (code === CLOSE_CODES.abnormal) return 'it ended without a close frame';
  return reason === '' ? `close code ${code}` : `close code ${code} ${shownValue(reason)}`;
}

function endedBy(
  { code: closeCode, reason: closeReason, error: cause }: WebSocketLoss,
  code: WebSocketReconnectError['code'],
  message: string,
): WebSocketReconnectError {
  const options = { closeCode, closeReason };
  return new WebSocketReconnectError(code, message, cause === undefined ? options : { ...options, cause });
}
