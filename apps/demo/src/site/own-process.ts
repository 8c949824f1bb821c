import { randomUUID } from 'node:crypto';
import { IOLoop, type Topic, Topics, taskId } from 'landspout';
import { MemoryBackplane } from 'landspout/topics';
import { type DemoOptions, hasParent, mayKill, processCount } from './demo-options.ts';

export const PROCESS_TOPIC = 'process';

/** In the environment of children: when their parent was started, in milliseconds since 1970. */
export const SERVER_START = 'LANDSPOUT_DEMO_STARTED_AT';

/** What the pages show about the process that serves them. */
export interface ProcessFacts {
  /** Another one means another process. */
  readonly id: string;
  /** When the parent was started, or this process if it has none. Another one means another server. */
  readonly startedAt: number;
  /** From 0; null if the process is the only one. */
  readonly task: number | null;
  readonly pid: number;
  /** How many processes the server has. */
  readonly processes: number;
  /** Where rooms and responses are kept. */
  readonly backplane: string;
  readonly backend: string;
  readonly mayKill: boolean;
  readonly isStopping: boolean;
}

/**
 * The topic that each process has for itself, with one record: its facts. A page subscribes to it like to any other. When
 * it reaches another process, its cursor is of an unknown epoch, and it gets the record of that process.
 */
export class OwnProcess {
  readonly topics = new Topics({ backplane: new MemoryBackplane(), maxRecords: 1 });
  readonly topic: Topic<ProcessFacts> = this.topics.topic(PROCESS_TOPIC);
  #facts: ProcessFacts;

  /** @param backplane - described for a person. */
  constructor(options: DemoOptions, backplane: string) {
    this.#facts = {
      id: randomUUID(),
      startedAt: Number(process.env[SERVER_START] ?? Date.now()),
      task: (hasParent(options) ? taskId() : undefined) ?? null,
      pid: process.pid,
      processes: processCount(options),
      backplane,
      backend: IOLoop.current().backend,
      mayKill: mayKill(options),
      isStopping: false,
    };
    this.announce();
  }

  get facts(): ProcessFacts {
    return this.#facts;
  }

  /** Called for each connection, so that the record is there for it, however old the process is. */
  announce(): void {
    // Memory takes every record; it rejects only after the topics are closed.
    this.topic.publish(this.#facts).catch(() => undefined);
  }

  /** Tells the pages that this process stops. They get it before their connections are closed. */
  stopping(): void {
    this.#facts = { ...this.#facts, isStopping: true };
    this.announce();
  }
}
