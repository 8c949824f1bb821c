import { reportRejection } from '@landspout/ioloop/reactor';
import type { CloseReason } from '../stream/closing.ts';
import { coreOf, IOStream } from '../stream/io-stream.ts';
import type { CoreObserver } from '../stream/stream-core.ts';
import type { IOStreamOptions } from '../stream/stream-options.ts';
import type { Transport } from '../transport.ts';

/** Who made a {@link ServerStream} and counts it. */
export interface ServerStreamOwner {
  /** The stream is closed for `reason`, or without one its transport was given to somebody else. Called once. */
  streamGone(stream: ServerStream, reason: CloseReason | undefined): void;
  /** The connection goes on as another stream, over the same transport with TLS on top. */
  streamReplaced(stream: ServerStream, successor: ServerStream): void;
  /** What the handler of the stream promised has failed. */
  handlerFailed(stream: ServerStream, error: unknown): void;
}

/** A stream that tells its server when it is gone: a method call, where a callback would cost memory for each. */
export class ServerStream extends IOStream implements CoreObserver {
  readonly #owner: ServerStreamOwner;
  #isGone = false;
  /** Closes what goes on in our place: the handshake, and then the successor. */
  #closeNext: ((error: Error | undefined, how: 'close' | 'reset') => void) | undefined;

  constructor(transport: Transport, options: IOStreamOptions, owner: ServerStreamOwner) {
    super(transport, options);
    this.#owner = owner;
    coreOf(this).observer = this;
  }

  /** Tells the owner if `result`, the handler's, fails. Bound, since a closure with its context weighs twice as much. */
  watchHandler(result: PromiseLike<unknown>): void {
    reportRejection(result, this.handlerFailed.bind(this));
  }

  handlerFailed(error: unknown): void {
    this.#owner.handlerFailed(this, error);
  }

  /** After startTls too: a server that closes the stream of a handler that failed means the connection. */
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

  /** For startTls: as {@link detachTransport}, but the server still counts the connection. @param stop - called by close. */
  beginUpgrade(stop: () => void): Transport {
    const transport = super.detachTransport();
    this.#closeNext = stop;
    return transport;
  }

  /** For startTls: the stream that takes our place, with our limits where there are no others. */
  completeUpgrade(transport: Transport, options: IOStreamOptions = {}): IOStream {
    const successor = new ServerStream(transport, { ...this.options, ...options }, this.#owner);
    this.#isGone = true;
    this.#closeNext = (error, how) => successor[how](error);
    this.#owner.streamReplaced(this, successor);
    return successor;
  }

  /** For startTls: the handshake failed, and the connection is closed. */
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
