import { IOStream } from './io-stream.ts';
import type { IOStreamOptions } from './stream-options.ts';
import type { Transport } from './transport.ts';

/** Who made a {@link ServerStream} and counts it. */
export interface ServerStreamOwner {
  /** The stream is closed, or its transport was given to somebody else. Called once. */
  streamGone(stream: ServerStream): void;
}

/** A stream that tells its server when it is gone: a method call, where a callback would cost memory for each. */
export class ServerStream extends IOStream {
  readonly #owner: ServerStreamOwner;
  #isGone = false;

  constructor(transport: Transport, options: IOStreamOptions, owner: ServerStreamOwner) {
    super(transport, options);
    this.#owner = owner;
  }

  override closed(error: Error | undefined): void {
    super.closed(error);
    this.#tellOwner();
  }

  override detachTransport(): Transport {
    const transport = super.detachTransport();
    this.#tellOwner();
    return transport;
  }

  #tellOwner(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#owner.streamGone(this);
  }
}
