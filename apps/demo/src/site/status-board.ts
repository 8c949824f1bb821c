import type { Topic } from 'landspout/topics';

export const STATUS_TOPIC = 'status';

/** What the pages show about the server. */
export interface Status {
  readonly backend: string;
  /** Milliseconds since 1970. Another one means another process. */
  readonly startedAt: number;
  /** Open WebSockets. */
  readonly connections: number;
}

/** Publishes the status of the server whenever it changes. */
export class StatusBoard {
  readonly #topic: Topic<Status>;
  readonly #backend: string;
  readonly #startedAt = Date.now();
  #connections = 0;

  constructor(topic: Topic<Status>, backend: string) {
    this.#topic = topic;
    this.#backend = backend;
  }

  connectionOpened(): void {
    this.#connections += 1;
    this.#publish();
  }

  connectionClosed(): void {
    this.#connections -= 1;
    this.#publish();
  }

  #publish(): void {
    const status = { backend: this.#backend, startedAt: this.#startedAt, connections: this.#connections };
    // It fails only after the topics are closed, when the server stops.
    this.#topic.publish(status).catch(() => undefined);
  }
}
