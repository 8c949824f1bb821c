import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { onAbort } from '@landspout/ioloop/reactor';

/** A stream that ends when its server stops. */
export interface StoppableStream {
  /** Must not throw. */
  serverStops(): void;
}

const servers = new WeakMap<AbortSignal, OpenStreams>();

/** The open streams of one server. They have one listener for its stop together, because there may be very many. */
export class OpenStreams {
  readonly #streams = new Set<StoppableStream>();

  /** @param stopping - aborts when the server begins to stop. */
  static of(stopping: AbortSignal): OpenStreams {
    let streams = servers.get(stopping);
    if (streams === undefined) {
      streams = new OpenStreams(stopping);
      servers.set(stopping, streams);
    }
    return streams;
  }

  private constructor(stopping: AbortSignal) {
    onAbort(stopping, () => {
      for (const stream of this.#streams) stream.serverStops();
    });
  }

  add(stream: StoppableStream): void {
    this.#streams.add(stream);
  }

  remove(stream: StoppableStream): void {
    this.#streams.delete(stream);
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ size: this.#streams.size }));
  }
}
