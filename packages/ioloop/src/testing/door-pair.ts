import { randomUUID } from 'node:crypto';
import { createServer, type Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { INSPECT, inspection } from '../inspection.ts';
import type { Logger } from '../logger.ts';
import { IOLoop } from '../loop/io-loop.ts';
import { type OptionNames, optionsProblem } from '../option-names.ts';
import { ChildDoors } from '../processes/doors/child-doors.ts';
import { DoorChannel } from '../processes/doors/door-channel.ts';
import type { DoorOptions } from '../processes/doors/door-options.ts';
import type { DoorHandler, MessageDoor } from '../processes/doors/message-door.ts';
import { ParentDoors } from '../processes/doors/parent-doors.ts';
import { ProcessUsageError } from '../processes/launching/process-errors.ts';
import type { SupervisedChild } from '../processes/supervisor/supervised-task.ts';

export interface DoorPairOptions {
  /** The task of the child. Default: 0. */
  readonly taskId?: number;
  /**
   * Limits how long the child waits for a name that is not served, 10 s. Default: the clock of the loop of this thread.
   */
  readonly clock?: Pick<Clock, 'setTimeout'>;
  /** Gets the errors of handlers. Default: the logger of the loop of this thread. */
  readonly logger?: Logger;
}

/** One end of a channel for message doors; see {@link doorPair}. */
interface PairEnd {
  /** Stops reading, as if the process of this end were suspended, until {@link resume}. */
  pause(): void;
  resume(): void;
  /**
   * Ends the channel as if the process of this end had been killed. The doors of the other end are closed with `ended`;
   * those of this end are notified of nothing.
   */
  kill(): void;
}

/** Stands for the parent; see {@link doorPair}. */
export interface ParentEnd extends PairEnd {
  /** As the function of the same name. The child has the pid of this process. */
  serveDoor(
    name: string,
    accept: (door: MessageDoor, child: SupervisedChild) => DoorHandler,
    options?: DoorOptions,
  ): { close(): void };
}

/** Stands for the child; see {@link doorPair}. */
export interface ChildEnd extends PairEnd {
  /** As the function of the same name. */
  openDoor(name: string, handler: DoorHandler, options?: DoorOptions): MessageDoor;
}

const PAIR_OPTIONS: OptionNames<DoorPairOptions> = { taskId: true, clock: true, logger: true };

/**
 * Creates the two ends of a channel for message doors, which otherwise are in a parent and in its child. They are
 * connected by a socket, so messages arrive later, as between processes. For tests of code that uses `openDoor` and
 * `serveDoor`.
 *
 * Kill one end when the test is over.
 *
 * @throws ProcessUsageError `ERR_PROCESS_USAGE` for an unknown option.
 */
export function doorPair(options: DoorPairOptions = {}): [parent: ParentEnd, child: ChildEnd] {
  const problem = optionsProblem(options, PAIR_OPTIONS);
  if (problem !== undefined) throw new ProcessUsageError(`doorPair: ${problem}`);
  const { taskId = 0, clock = IOLoop.current().clock, logger = IOLoop.current().logger } = options;
  const socket = new Socket();
  const channel = new DoorChannel(socket, { peer: 'the parent', logger: () => logger });
  const server = createServer();
  const parent = new PairedParent(taskId, { server, clock, logger });
  const path = socketPath();
  // A server on a path listens before `listen` returns.
  server.listen(path).unref();
  socket.connect(path);
  return [parent, new PairedChild(taskId, channel)];
}

function socketPath(): string {
  const name = `landspout-door-${randomUUID()}`;
  return process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : join(tmpdir(), name);
}

interface ParentSettings {
  readonly server: Server;
  readonly clock: Pick<Clock, 'setTimeout'>;
  readonly logger: Logger;
}

class PairedParent implements ParentEnd {
  readonly #doors = new ParentDoors<SupervisedChild>();
  readonly #taskId: number;
  #channel: DoorChannel | undefined;
  #isKilled = false;
  #isPaused = false;

  constructor(taskId: number, { server, clock, logger }: ParentSettings) {
    this.#taskId = taskId;
    const child = { taskId, pid: process.pid, restarts: 0 };
    server.once('connection', (socket) => {
      server.close();
      const channel = new DoorChannel(socket, {
        peer: `the child of task ${taskId}`,
        logger: () => logger,
        opened: (number, name) => this.#doors.opened({ channel, number, name, clock }, () => child),
      });
      this.#channel = channel;
      if (this.#isPaused) channel.pause();
      if (this.#isKilled) channel.kill();
    });
  }

  serveDoor(
    name: string,
    accept: (door: MessageDoor, child: SupervisedChild) => DoorHandler,
    options: DoorOptions = {},
  ): { close(): void } {
    return this.#doors.serveDoor(name, accept, options);
  }

  pause(): void {
    this.#isPaused = true;
    this.#channel?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#channel?.resume();
  }

  kill(): void {
    this.#isKilled = true;
    this.#channel?.kill();
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ taskId: this.#taskId }));
  }
}

class PairedChild implements ChildEnd {
  readonly #doors: ChildDoors;
  readonly #channel: DoorChannel;
  readonly #taskId: number;

  constructor(taskId: number, channel: DoorChannel) {
    this.#taskId = taskId;
    this.#channel = channel;
    this.#doors = new ChildDoors(taskId, () => channel);
  }

  openDoor(name: string, handler: DoorHandler, options: DoorOptions = {}): MessageDoor {
    return this.#doors.openDoor(name, handler, options);
  }

  pause(): void {
    this.#channel.pause();
  }

  resume(): void {
    this.#channel.resume();
  }

  kill(): void {
    this.#channel.kill();
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ taskId: this.#taskId }));
  }
}
