import { constants } from 'node:buffer';
import { ArgumentChecks } from '@landspout/ioloop/errors';
import { WebSocketUsageError } from './errors.ts';

/** What one message from the peer may cost. */
export interface WebSocketLimits {
  /**
   * Most bytes in one message, all fragments together. From 1 to the longest string that the engine can make
   * (512 MiB less a few bytes on 64-bit machines); default 10 MiB, which is Tornado's.
   */
  readonly maxMessageBytes: number;
  /** Most frames in one message; from 1; default 10,000. An empty fragment costs us work and the peer no message. */
  readonly maxFragments: number;
}

export const DEFAULT_LIMITS: WebSocketLimits = { maxMessageBytes: 10 * 1024 * 1024, maxFragments: 10_000 };

/** RFC 6455 §5.5: the longest payload of a control frame, so that it never needs an extended length. */
export const MAX_CONTROL_BYTES = 125;

/** The checks of options and limits of a WebSocket. */
export const webSocketChecks = new ArgumentChecks(
  (problem) => new WebSocketUsageError('ERR_WEBSOCKET_BAD_OPTION', problem),
);

/** @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_OPTION` for a limit that limits nothing. */
export function checkLimits({ maxMessageBytes, maxFragments }: WebSocketLimits): void {
  const longest = constants.MAX_STRING_LENGTH;
  webSocketChecks.wholeNumber('WebSocket', 'maxMessageBytes', maxMessageBytes, 1, longest);
  webSocketChecks.wholeNumber('WebSocket', 'maxFragments', maxFragments, 1);
}
