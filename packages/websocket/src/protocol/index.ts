/**
 * WebSocket without I/O: bytes in, messages out, and the questions of the opening handshake (RFC 6455, version 13).
 *
 * Knows framing, masking, limits, UTF-8 and close codes. Does not know sockets, timers, promises, hashing or
 * randomness: SHA-1 and masking keys are passed in. To serve or dial, use `@landspout/websocket`.
 *
 * @packageDocumentation
 */

// The words both directions share.
export { CLOSE_CODES, isValidCloseCode } from './close-codes.ts';
// What can go wrong.
export {
  WebSocketHandshakeError,
  type WebSocketHandshakeErrorCode,
  WebSocketProtocolError,
  type WebSocketProtocolErrorCode,
  WebSocketUsageError,
  type WebSocketUsageErrorCode,
} from './errors.ts';
// What the peer sent us.
export { FrameDecoder, type FrameDecoderOptions } from './frame-decoder.ts';
// What we send.
export {
  encodeClose,
  encodeFrame,
  encodeFrameHead,
  encodeMessage,
  encodePing,
  encodePong,
  type FrameOptions,
} from './frame-encoder.ts';
export { CLOSE, type FrameEvent, MESSAGE, NEED_DATA, PING, PONG } from './frame-events.ts';
export { OPCODES, type WebSocketRole } from './frame-head.ts';
// The opening handshake.
export { acceptValue, handshakeKey, isHandshakeKey } from './handshake-key.ts';
export { DEFAULT_LIMITS, type WebSocketLimits } from './limits.ts';
export { applyMask } from './mask.ts';
export { isSameOrigin, originRefusal } from './same-origin.ts';
export { formatSubprotocols, parseSubprotocols } from './subprotocols.ts';
export {
  checkUpgradeRequest,
  type UpgradeOffer,
  type UpgradeRefusal,
  type UpgradeRequest,
} from './upgrade-request.ts';
export {
  checkUpgradeResponse,
  type UpgradeAgreement,
  type UpgradeExpectation,
  type UpgradeResponse,
} from './upgrade-response.ts';
