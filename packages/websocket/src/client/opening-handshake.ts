import { createHash } from 'node:crypto';
import type { HTTPHeaders, ResponseHead } from '@landspout/http1';
import { ClientConnection, type HTTPResponseDelegate } from '@landspout/http1/client';
import type { Clock, ClockTimer } from '@landspout/ioloop';
import { onAbort } from '@landspout/ioloop/reactor';
import type { IOStream } from '@landspout/iostream';
import type { CompressionSettings } from '../compression/compression-options.ts';
import { settleOffer } from '../compression/negotiation.ts';
import { WebSocketTimeoutError } from '../connection/errors.ts';
import {
  acceptValue,
  checkUpgradeResponse,
  type UpgradeAgreement,
  WebSocketHandshakeError,
} from '../protocol/index.ts';
import { type ConnectRequest, shownLocation } from './connect-request.ts';

/** Maximum number of bytes of the body of a refusal that are kept for the program. */
const MAX_REFUSAL_BYTES = 64 * 1024;
/** How long to wait for the body of a refusal: the program is told in any case. */
const REFUSAL_BODY_MS = 2_000;

/** A response to an upgrade request. */
export interface HandshakeResponse {
  readonly head: ResponseHead;
  /** The stream of a 101, which first delivers the bytes that followed the head. Otherwise the stream is closed. */
  readonly stream: IOStream | undefined;
  /** The body of any other response, as it was sent: at most its first 64 KiB. */
  readonly body: Uint8Array;
}

/**
 * Sends an upgrade request on a new stream, and receives the response.
 *
 * @throws Http1UsageError if the head must not be sent; Http1ProtocolError if the response is not valid HTTP;
 *   HTTPClosedError if the connection ends first; the reason of `signal`. In each case, the stream is closed.
 */
export function sendUpgradeRequest(
  stream: IOStream,
  target: string,
  headers: HTTPHeaders,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<HandshakeResponse> {
  return new Promise((resolve, reject) => {
    try {
      signal.throwIfAborted();
      const connection = new ClientConnection(stream);
      const receiver = new ResponseReceiver(connection, clock, resolve, reject);
      connection.begin({ method: 'GET', target, headers, bodyBytes: 0 }, receiver);
      receiver.listenTo(signal);
    } catch (error) {
      stream.close(error instanceof Error ? error : undefined);
      reject(error);
    }
  });
}

/**
 * Checks the response to an upgrade request (RFC 6455 §4.1), and settles the memory for its compression.
 *
 * @param deflate - what `reserveOffer` has returned; `undefined` if no compression was offered.
 * @returns the subprotocol and the compression that the server chose.
 * @throws WebSocketHandshakeError with the response; the stream is closed, and the offer is not settled.
 */
export function checkHandshake(
  { head, stream, body }: HandshakeResponse,
  key: string,
  deflate: CompressionSettings | undefined,
  { name, subprotocols }: ConnectRequest,
): UpgradeAgreement {
  const accept = acceptValue(key, (text) => createHash('sha1').update(text).digest('base64'));
  const { version, status, headers } = head;
  const response = { version, status, header: (field: string) => headers.get(field) };
  try {
    const expected = { accept, protocols: subprotocols, ...(deflate === undefined ? {} : { deflate }) };
    const agreement = checkUpgradeResponse(response, expected);
    if (deflate !== undefined && !settleOffer(deflate, agreement.deflate)) throw noContext();
    return agreement;
  } catch (error) {
    stream?.close();
    if (!(error instanceof WebSocketHandshakeError)) throw error;
    const location = status >= 300 && status < 400 ? headers.get('Location') : undefined;
    const more =
      location === undefined ? '' : `; it redirects to ${shownLocation(location)}, which is not followed`;
    throw error.of({ url: name, headers, body }, more);
  }
}

function noContext(): WebSocketHandshakeError {
  const detail =
    'Sec-WebSocket-Extensions: server_no_context_takeover was offered, but is not included, and maxContextBytes of the pool are in use';
  return new WebSocketHandshakeError('ERR_WEBSOCKET_BAD_EXTENSION', 101, detail);
}

/** Receives the response, and the start of its body if it is a refusal. */
class ResponseReceiver implements HTTPResponseDelegate {
  /** A larger body is no error: the connection is closed when enough has been received. */
  readonly maxBodyBytes = Number.MAX_SAFE_INTEGER;
  readonly #connection: ClientConnection;
  readonly #clock: Clock;
  readonly #resolve: (response: HandshakeResponse) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #chunks: Uint8Array[] = [];
  #length = 0;
  #refusal: ResponseHead | undefined;
  #timer: ClockTimer | undefined;
  #stopListening: () => void = () => {};
  #isSettled = false;

  constructor(
    connection: ClientConnection,
    clock: Clock,
    resolve: (response: HandshakeResponse) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#connection = connection;
    this.#clock = clock;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  listenTo(signal: AbortSignal): void {
    if (this.#isSettled) return;
    this.#stopListening = onAbort(signal, (reason) => {
      // After a refusal, the deadline only cuts the body short.
      if (this.#refusal !== undefined && reason instanceof WebSocketTimeoutError) this.#refuse();
      else this.#fail(reason);
      this.#connection.close();
    });
  }

  headersReceived(head: ResponseHead): void {
    if (head.status === 101) {
      this.#settle();
      this.#resolve({ head, stream: this.#connection.detach(), body: new Uint8Array() });
      return;
    }
    this.#refusal = head;
    this.#timer = this.#clock.setTimeout(() => this.#refuse(), REFUSAL_BODY_MS);
  }

  dataReceived(chunk: Uint8Array): void {
    const kept = chunk.subarray(0, MAX_REFUSAL_BYTES - this.#length);
    this.#chunks.push(kept);
    this.#length += kept.length;
    if (this.#length === MAX_REFUSAL_BYTES) this.#refuse();
  }

  finish(): void {
    this.#refuse();
  }

  connectionClosed(reason: Error): void {
    if (this.#refusal === undefined) this.#fail(reason);
    else this.#refuse();
  }

  #refuse(): void {
    if (this.#isSettled) return;
    this.#settle();
    const head = this.#refusal as ResponseHead;
    this.#resolve({ head, stream: undefined, body: Buffer.concat(this.#chunks, this.#length) });
    this.#connection.close();
  }

  #fail(reason: unknown): void {
    if (this.#isSettled) return;
    this.#settle();
    this.#reject(reason);
  }

  #settle(): void {
    this.#isSettled = true;
    this.#timer?.cancel();
    this.#stopListening();
  }
}
