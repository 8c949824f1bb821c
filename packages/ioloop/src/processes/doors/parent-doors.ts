import type { Clock } from '../../clock.ts';
import { runInRootContext } from '../../node-async-context.ts';
import { shownText, shownValue } from '../../shown-value.ts';
import { reportRejection } from '../../thenable.ts';
import { ProcessUsageError } from '../launching/process-errors.ts';
import { ChannelDoor, CONTROL } from './channel-door.ts';
import type { ChannelMember, DoorChannel } from './door-channel.ts';
import { type DoorOptions, requireDoorHandler, requireDoorName, resolveDoorOptions } from './door-options.ts';
import type { Frame } from './frames.ts';
import type { DoorHandler, MessageDoor } from './message-door.ts';

/** What a child wants to open. */
export interface DoorOpening {
  readonly channel: DoorChannel;
  readonly number: number;
  readonly name: string;
  /** Limits how long the child waits if the name is not served. */
  readonly clock: Pick<Clock, 'setTimeout'>;
}

/** Called with each door that a child opens. @returns what is notified of its messages. */
export type DoorAcceptor<Child> = (door: MessageDoor, child: Child) => DoorHandler;

interface Service<Child> {
  readonly accept: DoorAcceptor<Child>;
  readonly maxQueuedBytes: number;
}

/** How long a child waits for a name that is not served: the parent may have to open a file or a connection first. */
const SERVE_WITHIN_MS = 10_000;
const NOTHING = new Uint8Array(0);

/** The names that a parent serves, for all of its children. */
export class ParentDoors<Child extends { readonly taskId: number }> {
  readonly #services = new Map<string, Service<Child>>();
  readonly #waiting = new Map<string, Set<WaitingOpening<Child>>>();

  /** @throws ProcessUsageError `ERR_PROCESS_USAGE`; see `serveDoor`. */
  serveDoor(name: string, accept: DoorAcceptor<Child>, options: DoorOptions = {}): { close(): void } {
    requireDoorName(name, 'serveDoor');
    if (typeof accept !== 'function') {
      throw new ProcessUsageError(`serveDoor: a function was expected, not ${shownValue(accept)}`);
    }
    const service = { accept, ...resolveDoorOptions(options, 'serveDoor') };
    if (this.#services.has(name)) {
      throw new ProcessUsageError(
        `serveDoor: the door ${shownText(name)} is served already; close that first`,
      );
    }
    this.#services.set(name, service);
    // Not before the caller has the result.
    if (this.#waiting.has(name))
      runInRootContext(() => setImmediate(() => this.#acceptWaiting(name)), undefined);
    return {
      close: () => {
        if (this.#services.get(name) === service) this.#services.delete(name);
      },
    };
  }

  /**
   * Called when a child has opened a door. If the name is not served, the child waits up to 10 s for it.
   *
   * @param describe - returns what is passed to the acceptor.
   */
  opened(opening: DoorOpening, describe: () => Child): void {
    const { name } = opening;
    const service = this.#services.get(name);
    if (service !== undefined) {
      runInRootContext(() => accept(service, opening, describe), undefined);
      return;
    }
    const waiting = this.#waiting.get(name) ?? new Set();
    this.#waiting.set(name, waiting);
    const one = new WaitingOpening(opening, describe, () => {
      waiting.delete(one);
      if (waiting.size === 0) this.#waiting.delete(name);
    });
    waiting.add(one);
  }

  #acceptWaiting(name: string): void {
    for (const { opening, describe, leave } of this.#waiting.get(name) ?? []) {
      const service = this.#services.get(name);
      if (service === undefined) return;
      leave();
      accept(service, opening, describe);
    }
  }
}

function accept<Child extends { readonly taskId: number }>(
  { accept: acceptor, maxQueuedBytes }: Service<Child>,
  { channel, number, name }: DoorOpening,
  describe: () => Child,
): void {
  const child = describe();
  const { taskId } = child;
  const door = new ChannelDoor({ name, taskId, number, channel, maxQueuedBytes }, { isAccepted: true });
  channel.send(CONTROL, { kind: 'accept', door: number, payload: NOTHING });
  const failed = (error: unknown): void => {
    channel.logger.error(
      { error, taskId },
      `accepting the message door ${shownText(name)} threw; closing the door`,
    );
    door.close();
  };
  try {
    const handler = acceptor(door, child);
    reportRejection(handler, failed); // of an asynchronous function, which is an error too
    requireDoorHandler(handler, 'serveDoor');
    door.handle(handler);
  } catch (error) {
    failed(error);
  }
}

/** A door that waits for its name to be served. */
class WaitingOpening<Child> implements ChannelMember {
  readonly opening: DoorOpening;
  readonly describe: () => Child;
  /** Takes this one out of the list, and stops the timer. */
  readonly leave: () => void;

  constructor(opening: DoorOpening, describe: () => Child, left: () => void) {
    const { channel, number, clock } = opening;
    this.opening = opening;
    this.describe = describe;
    channel.add(number, this);
    const timer = clock.setTimeout(() => {
      left();
      channel.remove(number);
      channel.send(CONTROL, { kind: 'refuse', door: number, payload: NOTHING });
    }, SERVE_WITHIN_MS);
    timer.unref();
    this.leave = () => {
      timer.cancel();
      left();
    };
  }

  received({ kind }: Frame): void {
    if (kind !== 'close') return;
    this.leave();
    this.opening.channel.remove(this.opening.number);
  }

  ended(): void {
    this.leave();
  }
}
