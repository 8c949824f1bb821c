import type { ChildProcess } from 'node:child_process';
import { taskWordOf } from '../messages/task-channel.ts';

/** How a child ended. */
export interface ProcessExit {
  /** The exit code; `null` when a signal ended it. */
  readonly code: number | null;
  /** The signal that ended it; `null` when it ended by itself. */
  readonly signal: NodeJS.Signals | null;
  /** Why it could not be started, where that is what happened. */
  readonly error?: Error;
}

/** Who hears of a child, at once. */
export interface TaskChildEvents {
  /** Called once, when it has ended or could not start. */
  exited(child: TaskChild, exit: ProcessExit): void;
  /** It said something that is not ours. */
  message(child: TaskChild, message: unknown): void;
  answered(id: number, value: unknown): void;
  /** It could not listen. */
  refused(message: string): void;
}

/** A process that was started for a task, until it has ended. */
export class TaskChild {
  /** Settles when the child has said that it does its work. */
  readonly ready: Promise<void>;
  /** Settles when the child has ended, or could not be started. */
  readonly ended: Promise<ProcessExit>;
  readonly #process: ChildProcess;
  readonly #events: TaskChildEvents;
  #toldBy: NodeJS.Signals | undefined;
  /** The channel is full, and what is sent meanwhile would queue without a limit. */
  #congested = false;

  constructor(process: ChildProcess, events: TaskChildEvents) {
    this.#process = process;
    this.#events = events;
    this.ready = new Promise((resolve) => {
      process.on('message', (message) => this.#heard(message, resolve));
    });
    this.ended = new Promise((resolve) => {
      const exited = (exit: ProcessExit): void => {
        events.exited(this, exit);
        resolve(exit);
      };
      process.once('exit', (code, signal) => exited({ code, signal }));
      // Also says that a message or signal did not arrive, which is nothing that has to be dealt with.
      process.on('error', (error) => {
        if (process.pid === undefined) exited({ code: null, signal: null, error });
      });
    });
  }

  /** `undefined` when it could not be started. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** The last signal that it was sent, which it may be busy obeying. */
  get toldBy(): NodeJS.Signals | undefined {
    return this.#toldBy;
  }

  kill(signal: NodeJS.Signals): void {
    this.#toldBy = signal;
    this.#process.kill(signal);
  }

  /** @returns whether it was sent. */
  send(message: unknown): boolean {
    if (!this.#process.connected || this.#congested) return false;
    const flows = this.#process.send(message as object, () => {
      this.#congested = false;
    });
    if (!flows) this.#congested = true;
    return true;
  }

  #heard(message: unknown, ready: () => void): void {
    const own = taskWordOf(message);
    if (own === undefined) this.#events.message(this, message);
    else if (own.kind === 'ready') ready();
    else if (own.kind === 'answer') this.#events.answered(own.id, own.value);
    else if (own.kind === 'refused') this.#events.refused(own.message);
  }
}
