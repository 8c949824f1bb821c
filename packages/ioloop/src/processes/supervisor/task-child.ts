import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Clock } from '../../clock.ts';
import type { Logger } from '../../logger.ts';
import { DoorChannel } from '../doors/door-channel.ts';
import type { DoorOpening } from '../doors/parent-doors.ts';
import type { LaunchedChild } from '../launching/launchers.ts';
import { type TaskMessage, type TaskWord, taskWordOf } from '../messages/task-channel.ts';

/** How a child ended. */
export interface ProcessExit {
  /** The exit code; `null` if a signal ended the child. */
  readonly code: number | null;
  /** The signal that ended the child; `null` if it exited by itself. */
  readonly signal: NodeJS.Signals | null;
  /** Why the child could not be started; absent if it was started. */
  readonly error?: Error;
}

/** Receives the events of a child. Called synchronously. */
export interface TaskChildEvents {
  /** Called once, when the child has ended or could not be started. */
  exited(child: TaskChild, exit: ProcessExit): void;
  /** Called with a message of the program. */
  message(child: TaskChild, message: unknown): void;
  answered(id: number, value: unknown): void;
  /** Called if the child could not listen. */
  refused(message: string): void;
  /** Called if the child requests the secret that all children share. */
  secretRequested(child: TaskChild): void;
  /** Called if the child opens a message door. */
  doorOpened(child: TaskChild, opening: DoorOpening): void;
}

export interface TaskChildLoop {
  readonly clock: Pick<Clock, 'setTimeout'>;
  readonly logger: Logger;
}

/** A process that was started for a task. */
export class TaskChild {
  /** Resolves when the child has reported that it is ready. */
  readonly ready: Promise<void>;
  /** Resolves when the child has ended or could not be started. */
  readonly ended: Promise<ProcessExit>;
  readonly #process: ChildProcess;
  readonly #events: TaskChildEvents;
  #toldBy: NodeJS.Signals | undefined;
  /** True while the channel is full: further messages would queue without a limit. */
  #congested = false;

  /** @param loop - provides the timers and the logger of the channel for message doors. */
  constructor({ process, doorSocket }: LaunchedChild, loop: TaskChildLoop, events: TaskChildEvents) {
    this.#process = process;
    this.#events = events;
    const channel = doorSocket === undefined ? undefined : this.#openChannel(doorSocket, loop);
    this.ready = new Promise((resolve) => {
      process.on('message', (message) => this.#heard(message, resolve));
    });
    this.ended = new Promise((resolve) => {
      const exited = (exit: ProcessExit): void => {
        channel?.processEnded(loop.clock);
        events.exited(this, exit);
        resolve(exit);
      };
      process.once('exit', (code, signal) => exited({ code, signal }));
      // Node also emits `error` if a message or signal was not delivered, which needs no handling.
      process.on('error', (error) => {
        if (process.pid === undefined) exited({ code: null, signal: null, error });
      });
    });
  }

  /** `undefined` if the child could not be started. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** The last signal that was sent to the child, which may still be handling it. */
  get toldBy(): NodeJS.Signals | undefined {
    return this.#toldBy;
  }

  kill(signal: NodeJS.Signals): void {
    this.#toldBy = signal;
    this.#process.kill(signal);
  }

  /** @returns whether the message was sent. */
  send(message: unknown): boolean {
    if (!this.#process.connected || this.#congested) return false;
    const flows = this.#process.send(message as object, () => {
      this.#congested = false;
    });
    if (!flows) this.#congested = true;
    return true;
  }

  /** Sends a word of ours, even if the channel is full: for the few that must not be lost. */
  tell(landspout: TaskWord): void {
    if (this.#process.connected) this.#process.send({ landspout } satisfies TaskMessage, () => {});
  }

  #openChannel(socket: Socket, loop: TaskChildLoop): DoorChannel {
    const { clock } = loop;
    const channel = new DoorChannel(socket, {
      peer: `the child with pid ${this.pid}`,
      logger: () => loop.logger,
      opened: (number, name) => this.#events.doorOpened(this, { channel, number, name, clock }),
    });
    return channel;
  }

  #heard(message: unknown, ready: () => void): void {
    const own = taskWordOf(message);
    if (own === undefined) this.#events.message(this, message);
    else if (own.kind === 'ready') ready();
    else if (own.kind === 'answer') this.#events.answered(own.id, own.value);
    else if (own.kind === 'refused') this.#events.refused(own.message);
    else if (own.kind === 'secret-request') this.#events.secretRequested(this);
  }
}
