import { reportRejection } from '@landspout/ioloop/reactor';
import type { CloseReason } from '../stream/closing.ts';
import { coreOf, IOStream } from '../stream/io-stream.ts';
import type { CoreObserver } from '../stream/stream-core.ts';
import type { IOStreamOptions } from '../stream/stream-options.ts';
import type { Transport } from '../transport.ts';

/** The server that created a {@link ServerStream} and counts it. */
export interface ServerStreamOwner {
  /** The stream was closed for `reason`; `undefined` means that its transport was detached. Called once. */
  streamGone(stream: ServerStream, reason: CloseReason | undefined): void;
  /** The connection continues as `successor`, which adds TLS to the same transport. */
  streamReplaced(stream: ServerStream, successor: ServerStream): void;
  /** The promise returned by the handler of the stream was rejected. */
  handlerFailed(stream: ServerStream, error: unknown): void;
}

/**
 * A stream that notifies its server when it ends. The server implements an interface instead of passing a callback,
 * since a callback for each stream would use memory.
 */
export class ServerStream extends IOStream implements CoreObserver {
  readonly #owner: ServerStreamOwner;
  #isGone = false;
  /** Closes whatever has replaced this stream: the TLS handshake while it runs, and the successor after it. */
  #closeNext: ((error: Error | undefined, how: 'close' | 'reset') => void) | undefined;

  constructor(transport: Transport, options: IOStreamOptions, owner: ServerStreamOwner) {
    super(transport, options);
    this.#owner = owner;
    coreOf(this).observer = this;
  }

  /**
   * Notifies the owner if `result`, which the handler returned, rejects. Uses `bind`, since a closure and its context
   * need twice the memory.
   */
  watchHandler(result: PromiseLike<unknown>): void {
    reportRejection(result, this.handlerFailed.bind(this));
  }

  handlerFailed(error: unknown): void {
    this.#owner.handlerFailed(this, error);
  }

  /**
   * Closes the successor too: when a server closes the stream of a failed handler, the connection must close, even
   * after startTls.
   */
  override close(error?: Error): void {
    this.#closeNext?.(error, 'close');
    super.close(error);
  }

  override reset(error?: Error): void {
    this.#closeNext?.(error, 'reset');
    super.reset(error);
  }

  transportClosed(): void {
    this.#tellOwner(this.closeReason);
  }

  override detachTransport(): Transport {
    const transport = super.detachTransport();
    this.#tellOwner(undefined);
    return transport;
  }

  /**
   * For startTls: like {@link detachTransport}, but the server continues to count the connection.
   *
   * @param stop - called if this stream is closed or reset.
   */
  beginUpgrade(stop: () => void): Transport {
    const transport = super.detachTransport();
    this.#closeNext = stop;
    return transport;
  }

  /** For startTls: returns the stream that replaces this one. Options that are not set are copied from this stream. */
  completeUpgrade(transport: Transport, options: IOStreamOptions = {}): IOStream {
    const successor = new ServerStream(transport, { ...this.options, ...options }, this.#owner);
    this.#isGone = true;
    this.#closeNext = (error, how) => successor[how](error);
    this.#owner.streamReplaced(this, successor);
    return successor;
  }

  /** For startTls: the handshake failed and the connection is closed. */
  failUpgrade(): void {
    this.#closeNext = undefined;
    this.#tellOwner('error');
  }

  #tellOwner(reason: CloseReason | undefined): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#owner.streamGone(this, reason);
  }
}
