import { constants } from 'node:buffer';
import { shownValue } from '@landspout/ioloop/errors';
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

/** @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_OPTION` for a limit that limits nothing. */
export function checkLimits(limits: WebSocketLimits): void {
  checkLimit('maxMessageBytes', limits.maxMessageBytes, constants.MAX_STRING_LENGTH);
  checkLimit('maxFragments', limits.maxFragments, Number.MAX_SAFE_INTEGER);
}

function checkLimit(name: keyof WebSocketLimits, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= most) return;
  throw new WebSocketUsageError(
    'ERR_WEBSOCKET_BAD_OPTION',
    `${name} must be from 1 to ${most}, not ${shownValue(value)}`,
  );
}
