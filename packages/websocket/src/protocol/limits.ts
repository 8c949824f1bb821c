import { constants } from 'node:buffer';
import { ArgumentChecks } from '@landspout/ioloop/errors';
import { WebSocketUsageError } from './errors.ts';

/** Limits for one message of the peer. */
export interface WebSocketLimits {
  /**
   * Limit for the bytes of one message, all fragments together: from 1 to the longest string of the engine, which is
   * 512 MiB less a few bytes on 64-bit machines. Default: 10 MiB, as in Tornado.
   */
  readonly maxMessageBytes: number;
  /**
   * Limit for the frames of one message, from 1. Default: 10,000. Without it, a peer could keep us busy with empty
   * fragments.
   */
  readonly maxFragments: number;
}

export const DEFAULT_LIMITS: WebSocketLimits = { maxMessageBytes: 10 * 1024 * 1024, maxFragments: 10_000 };

/** The longest payload of a control frame, which so never needs an extended length (RFC 6455 §5.5). */
export const MAX_CONTROL_BYTES = 125;

/** Checks of the options and limits of a WebSocket. */
export const webSocketChecks = new ArgumentChecks(
  (problem) => new WebSocketUsageError('ERR_WEBSOCKET_BAD_OPTION', problem),
);

/** @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_OPTION` if a limit is out of range. */
export function checkLimits({ maxMessageBytes, maxFragments }: WebSocketLimits): void {
  const longest = constants.MAX_STRING_LENGTH;
  webSocketChecks.wholeNumber('WebSocket', 'maxMessageBytes', maxMessageBytes, 1, longest);
  webSocketChecks.wholeNumber('WebSocket', 'maxFragments', maxFragments, 1);
}
