import type { CloseReason } from '../stream/closing.ts';
import type { IOStream } from '../stream/io-stream.ts';
import { FailureCounts } from './failure-counts.ts';

/** The counters of a TCPServer since its construction. Bytes are counted at the streams: with TLS, after decryption. */
export interface TCPServerStats {
  /** Connections passed to `handleStream`. */
  readonly opened: number;
  /** How many of the {@link opened} connections are open now. */
  readonly open: number;
  /** How many of the {@link opened} connections are closed, by reason. */
  readonly closed: Readonly<Record<CloseReason, number>>;
  /**
   * How many of the {@link opened} connections had their transport detached with `detachTransport`. They count neither
   * as open nor as closed.
   */
  readonly detached: number;
  /** Connections closed at once because a limit was reached. */
  readonly refused: number;
  /** Connections whose TLS handshake was completed. */
  readonly handshakesCompleted: number;
  /** How many of the {@link handshakesCompleted} resumed an earlier session. */
  readonly handshakesResumed: number;
  /** Connections whose TLS handshake failed or timed out. */
  readonly handshakesFailed: number;
  /**
   * The {@link handshakesFailed} by reason: the code of the TLS library, such as `ERR_SSL_HTTP_REQUEST` or
   * `CERT_HAS_EXPIRED`, `ERR_TLS_UNRECOGNIZED_NAME` for a name without a certificate, that of the system, such as
   * `ECONNRESET`, or that of the error. At most 32 codes are counted separately; all further ones are counted as
   * `other`.
   */
  readonly handshakeFailures: Readonly<Record<string, number>>;
  /** Connections from listed proxies whose PROXY header was missing, malformed, incomplete, too long or too late. */
  readonly proxyHeadersFailed: number;
  /** Bytes of all streams, open and closed. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Bytes queued for sending at the time of the call. */
  readonly queuedBytes: number;
}

/**
 * The counters of a server. Counting a connection takes a few additions; the values of open streams are added up only
 * on request.
 */
export class ServerCounters {
  opened = 0;
  refused = 0;
  proxyHeadersFailed = 0;
  #handshakesCompleted = 0;
  #handshakesResumed = 0;
  #handshakesFailed = 0;
  readonly #handshakeFailures = new FailureCounts();
  #detached = 0;
  #bytesReceived = 0;
  #bytesSent = 0;
  readonly #closed: Record<CloseReason, number> = {
    'peer-ended': 0,
    'peer-reset': 0,
    'we-ended': 0,
    'we-reset': 0,
    timeout: 0,
    limit: 0,
    error: 0,
  };

  handshakeCompleted(isResumed: boolean): void {
    this.#handshakesCompleted += 1;
    if (isResumed) this.#handshakesResumed += 1;
  }

  /** @param code - the reason. */
  handshakeFailed(code: string): void {
    this.#handshakesFailed += 1;
    this.#handshakeFailures.add(code);
  }

  /** @param reason - `undefined` if the transport was detached. */
  streamGone(stream: IOStream, reason: CloseReason | undefined): void {
    this.addBytes(stream);
    if (reason === undefined) this.#detached += 1;
    else this.#closed[reason] += 1;
  }

  /** Adds the bytes of a stream that is about to be removed from the open streams. */
  addBytes(stream: IOStream): void {
    this.#bytesReceived += stream.bytesReceived;
    this.#bytesSent += stream.bytesSent;
  }

  /** @param streams - the open streams. */
  stats(streams: ReadonlySet<IOStream>): TCPServerStats {
    let bytesReceived = this.#bytesReceived;
    let bytesSent = this.#bytesSent;
    let queuedBytes = 0;
    for (const stream of streams) {
      bytesReceived += stream.bytesReceived;
      bytesSent += stream.bytesSent;
      queuedBytes += stream.queuedBytes;
    }
    return {
      opened: this.opened,
      open: streams.size,
      closed: { ...this.#closed },
      detached: this.#detached,
      refused: this.refused,
      handshakesCompleted: this.#handshakesCompleted,
      handshakesResumed: this.#handshakesResumed,
      handshakesFailed: this.#handshakesFailed,
      handshakeFailures: this.#handshakeFailures.counts(),
      proxyHeadersFailed: this.proxyHeadersFailed,
      bytesReceived,
      bytesSent,
      queuedBytes,
    };
  }
}
