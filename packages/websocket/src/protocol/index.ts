/**
 * WebSocket without I/O (RFC 6455, version 13): decodes and encodes frames and messages, and checks the opening
 * handshake.
 *
 * Holds framing, masking, limits, UTF-8 and close codes. Does not know sockets, timers, promises, hashing or
 * randomness: SHA-1 and masking keys are passed in. To serve or connect, use `@landspout/websocket`.
 *
 * @packageDocumentation
 */

// Shared by decoder and encoder.
export { CLOSE_CODES, isValidCloseCode } from './closing/close-codes.ts';
// Errors.
export {
  type RefusedUpgrade,
  type ResponseFields,
  WebSocketHandshakeError,
  type WebSocketHandshakeErrorCode,
  WebSocketProtocolError,
  type WebSocketProtocolErrorCode,
  WebSocketUsageError,
  type WebSocketUsageErrorCode,
} from './errors.ts';
// Decoding.
export {
  CLOSE,
  COMPRESSED_MESSAGE,
  FrameDecoder,
  type FrameDecoderOptions,
  type FrameEvent,
  MESSAGE,
  NEED_DATA,
  PING,
  PONG,
} from './frames/frame-decoder.ts';
// Encoding.
export {
  encodeAsciiText,
  encodeClose,
  encodeFrame,
  encodeFrameHead,
  encodeMessage,
  encodePing,
  encodePong,
  type FrameOptions,
} from './frames/frame-encoder.ts';
// The head of a frame.
export { OPCODES, type WebSocketRole } from './frames/frame-head.ts';
export { applyMask } from './frames/mask.ts';
// The opening handshake.
export { type Extension, type ExtensionParameter, parseExtensions } from './handshake/extensions.ts';
export { acceptValue, handshakeKey, isHandshakeKey } from './handshake/handshake-key.ts';
export { originRefusal } from './handshake/origin-refusal.ts';
export {
  type AcceptedDeflate,
  checkDeflateResponse,
  checkDeflateSettings,
  type DeflateAgreement,
  type DeflateSettings,
  deflateOffer,
  negotiateDeflate,
} from './handshake/permessage-deflate.ts';
export { formatSubprotocols, parseSubprotocols } from './handshake/subprotocols.ts';
export {
  checkUpgradeRequest,
  type UpgradeOffer,
  type UpgradeRefusal,
  type UpgradeRequest,
} from './handshake/upgrade-request.ts';
export {
  checkUpgradeResponse,
  type UpgradeAgreement,
  type UpgradeExpectation,
  type UpgradeResponse,
} from './handshake/upgrade-response.ts';
// Limits.
export { DEFAULT_LIMITS, type WebSocketLimits } from './limits.ts';
