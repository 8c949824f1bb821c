import { constants } from 'node:buffer';
import { ArgumentChecks } from '@landspout/ioloop/errors';
import { WebSocketUsageError } from './errors.ts';

/** Limits for one message from the peer. */
export interface WebSocketLimits {
  /**
   * Maximum number of bytes of one message, all fragments together: from 1 to the maximum string length of the
   * JavaScript engine, which is a few bytes less than 512 MiB on 64-bit machines. Default: 10 MiB, as in Tornado.
   */
  readonly maxMessageBytes: number;
  /**
   * Maximum number of frames of one message: at least 1. Default: 10,000. Without it, a peer could keep us busy with
   * empty fragments.
   */
  readonly maxFragments: number;
}

export const DEFAULT_LIMITS: WebSocketLimits = { maxMessageBytes: 10 * 1024 * 1024, maxFragments: 10_000 };

/**
 * Maximum payload length of a control frame. A control frame therefore never needs an extended length (RFC 6455 §5.5).
 */
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
