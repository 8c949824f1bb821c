import type { OptionNames } from '@landspout/ioloop/errors';
import { webSocketChecks } from '../protocol/limits.ts';

/**
 * What happens to a message if the peer reads too slowly, so that more than `highWaterBytes` are unsent.
 *
 * - `close`: the message waits, up to `maxQueuedBytes` in total. If it does not fit, 1008 is sent and the connection is
 *   closed, because the peer could not know that it missed a message.
 * - `wait`: the message waits, up to `maxQueuedBytes` in total, and the promise of `writeMessage` resolves when there is
 *   room again. If it does not fit, the call fails and the connection stays open: for programs that await each call.
 * - `drop-oldest`: the message waits, and the oldest waiting messages with this or the next policy are dropped if it does
 *   not fit.
 * - `keep-latest`: like `drop-oldest`, but first, the message replaces a waiting one with the same `key`: for values of
 *   which only the latest counts.
 */
export type SendPolicy = 'close' | 'wait' | 'drop-oldest' | 'keep-latest';

export const SEND_POLICIES: readonly SendPolicy[] = ['close', 'wait', 'drop-oldest', 'keep-latest'];

/** How one message is sent. */
export interface SendOptions {
  /** Default: the `sendPolicy` of the connection. */
  readonly policy?: SendPolicy;
  /**
   * What the message is about, for the policy `keep-latest`: at most 256 characters. Ignored by the others. Default: none.
   */
  readonly key?: string;
}

/** Whether waiting messages with this policy may be dropped. */
export function mayDrop(policy: SendPolicy): boolean {
  return policy === 'drop-oldest' || policy === 'keep-latest';
}

/** Keys are kept with the messages that wait, and do not count as their bytes. */
const MAX_KEY_CHARS = 256;
const SEND_OPTIONS: OptionNames<SendOptions> = { policy: true, key: true };

/** @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_OPTION`. */
export function checkSendOptions(options: SendOptions): void {
  webSocketChecks.options('writeMessage', options, SEND_OPTIONS);
  const { policy, key } = options;
  if (policy !== undefined) webSocketChecks.oneOf('writeMessage', 'policy', policy, SEND_POLICIES);
  if (key === undefined || (typeof key === 'string' && key.length <= MAX_KEY_CHARS)) return;
  throw webSocketChecks.wrong('writeMessage', `key: a string of at most ${MAX_KEY_CHARS} characters`, key);
}
