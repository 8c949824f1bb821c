import type { CloseReason } from '../stream/closing.ts';
import type { IOStream } from '../stream/io-stream.ts';

/** What a TCPServer has seen since it was made. Bytes are those of the streams: with TLS, what is inside it. */
export interface TCPServerStats {
  /** Connections that were given to `handleStream`. */
  readonly opened: number;
  /** Those of them that are open. */
  readonly open: number;
  /** Those of them that are closed, by who closed them and how. */
  readonly closed: Readonly<Record<CloseReason, number>>;
  /** Those of them whose transport was taken away, by `detachTransport`: what becomes of them is not counted here. */
  readonly detached: number;
  /** Connections that were closed at once because a limit was reached. */
  readonly refused: number;
  /** Connections whose TLS handshake failed or took too long. */
  readonly handshakesFailed: number;
  /** Connections of listed proxies whose PROXY header failed: it was none, broken, cut short, too long or too late. */
  readonly proxyHeadersFailed: number;
  /** Of all streams, open and closed. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Bytes that wait for slow peers at this moment. */
  readonly queuedBytes: number;
}

/** Counts for a server. Counting is a few additions for each connection; what is open is added up when asked for. */
export class ServerCounters {
  opened = 0;
  refused = 0;
  handshakesFailed = 0;
  proxyHeadersFailed = 0;
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

  /** @param reason - `undefined` for one whose transport was taken away. */
  streamGone(stream: IOStream, reason: CloseReason | undefined): void {
    this.addBytes(stream);
    if (reason === undefined) this.#detached += 1;
    else this.#closed[reason] += 1;
  }

  /** Keeps the bytes of a stream that will not be asked again. */
  addBytes(stream: IOStream): void {
    this.#bytesReceived += stream.bytesReceived;
    this.#bytesSent += stream.bytesSent;
  }

  /** @param streams - those that are open. */
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
      handshakesFailed: this.handshakesFailed,
      proxyHeadersFailed: this.proxyHeadersFailed,
      bytesReceived,
      bytesSent,
      queuedBytes,
    };
  }
}
