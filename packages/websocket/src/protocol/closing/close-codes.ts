/** The close codes of WebSocket (RFC 6455 §7.4.1 and the IANA registry). */
export const CLOSE_CODES = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  unsupportedData: 1003,
  /** Never sent: reported by the receiver of a close frame without a code. */
  noStatus: 1005,
  /** Never sent: reported if the connection ended without a close frame. */
  abnormal: 1006,
  invalidPayload: 1007,
  policyViolation: 1008,
  messageTooBig: 1009,
  missingExtension: 1010,
  internalError: 1011,
  serviceRestart: 1012,
  tryAgainLater: 1013,
  badGateway: 1014,
} as const satisfies Record<string, number>;

/**
 * Returns whether a close frame may contain `code`, in either direction.
 *
 * 1004 to 1006 and 1015 are reserved for local reports and never sent; 1016 to 2999 are reserved for later versions of
 * the protocol; codes below 1000 are not used; 3000 to 4999 are for libraries and applications (RFC 6455 §7.4.2).
 */
export function isValidCloseCode(code: number): boolean {
  if (!Number.isInteger(code)) return false;
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}
