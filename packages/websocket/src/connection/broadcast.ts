import { webSocketChecks } from '../protocol/limits.ts';
import type { MessageData } from './message-data.ts';
import { PreparedMessage } from './prepared-message.ts';
import { checkSendOptions, type SendOptions, type SendPolicy } from './send-policy.ts';

/** A connection, or the handler of one. */
export interface BroadcastTarget {
  sendMessage(message: PreparedMessage, policy?: SendPolicy, key?: string): boolean;
}

/**
 * Sends a message to many connections. It is encoded only once; so is its compressed form, for each combination of
 * parameters that connections without context takeover have agreed on. A peer that does not read delays no other: its
 * connection applies its policy.
 *
 * @param message - text, bytes, an object, or a message that was prepared before.
 * @param options - the policy and the key of this message. Default: the policy of each connection.
 * @returns how many connections have accepted the message. The others are not open, or have no room for it.
 * @throws WebSocketUsageError `ERR_WEBSOCKET_UNSENDABLE_DATA` or `ERR_WEBSOCKET_BAD_OPTION`; nothing was sent.
 *
 * @example
 * broadcast(handlers, { type: 'price', value: 42 }, { policy: 'keep-latest', key: 'price' });
 */
export function broadcast(
  connections: Iterable<BroadcastTarget>,
  message: MessageData | PreparedMessage,
  options: SendOptions = {},
): number {
  checkSendOptions(options);
  const { policy, key } = options;
  const prepared = message instanceof PreparedMessage ? message : new PreparedMessage(message);
  // All are checked before the first one gets the message.
  const targets = targetsOf(connections);
  let accepted = 0;
  for (const connection of targets) {
    if (connection.sendMessage(prepared, policy, key)) accepted += 1;
  }
  return accepted;
}

function targetsOf(connections: Iterable<BroadcastTarget>): readonly BroadcastTarget[] {
  if (typeof (connections as Partial<Iterable<unknown>> | null)?.[Symbol.iterator] !== 'function')
    throw webSocketChecks.wrong('broadcast', 'an iterable of connections', connections);
  const targets = [...connections];
  for (const one of targets) {
    if (typeof (one as Partial<BroadcastTarget> | null)?.sendMessage !== 'function')
      throw webSocketChecks.wrong('broadcast', 'connections or handlers of connections', one);
  }
  return targets;
}
