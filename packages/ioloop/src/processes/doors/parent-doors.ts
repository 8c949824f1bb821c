import type { Clock } from '../../clock.ts';
import { runInRootContext } from '../../node-async-context.ts';
import { shownText, shownValue } from '../../shown-value.ts';
import { ProcessUsageError } from '../launching/process-errors.ts';
import { ChannelDoor, CONTROL } from './channel-door.ts';
import type { ChannelMember, DoorChannel } from './door-channel.ts';
import { type DoorOptions, requireDoorHandler, requireDoorName, resolveDoorOptions } from './door-options.ts';
import type { Frame } from './frames.ts';
import type { DoorHandler, MessageDoor } from './message-door.ts';

/** A child that has opened a door. */
export interface DoorCaller<Child> {
  readonly taskId: number;
  readonly channel: DoorChannel;
  /** Limits how long the child waits for a name that is not served. */
  readonly clock: Pick<Clock, 'setTimeout'>;
  describe(): Child;
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
export class ParentDoors<Child> {
  readonly #services = new Map<string, Service<Child>>();
  readonly #waiting = new Map<string, Set<Opening<Child>>>();

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

  /** Called when a child has opened a door. If the name is not served, the child waits up to 10 s for it. */
  opened(caller: DoorCaller<Child>, number: number, name: string): void {
    const service = this.#services.get(name);
    if (service !== undefined) {
      runInRootContext(() => accept(service, { caller, number, name }), undefined);
      return;
    }
    const waiting = this.#waiting.get(name) ?? new Set();
    this.#waiting.set(name, waiting);
    const opening = new Opening({ caller, number, name }, () => {
      waiting.delete(opening);
      if (waiting.size === 0) this.#waiting.delete(name);
    });
    waiting.add(opening);
  }

  #acceptWaiting(name: string): void {
    for (const opening of this.#waiting.get(name) ?? []) {
      const service = this.#services.get(name);
      if (service === undefined) return;
      opening.leave();
      accept(service, opening.request);
    }
  }
}

/** What a child wants to open. */
interface OpenRequest<Child> {
  readonly caller: DoorCaller<Child>;
  readonly number: number;
  readonly name: string;
}

function accept<Child>(
  { accept: acceptor, maxQueuedBytes }: Service<Child>,
  { caller, number, name }: OpenRequest<Child>,
): void {
  const { channel, taskId } = caller;
  const door = new ChannelDoor({ name, taskId, number, channel, maxQueuedBytes }, { isAccepted: true });
  channel.send(CONTROL, { kind: 'accept', door: number, payload: NOTHING });
  try {
    const handler = acceptor(door, caller.describe());
    requireDoorHandler(handler, 'serveDoor');
    door.handle(handler);
  } catch (error) {
    channel.logger.error(
      { error, taskId },
      `accepting the message door ${shownText(name)} threw; closing the door`,
    );
    door.close();
  }
}

/** A door that waits for its name to be served. */
class Opening<Child> implements ChannelMember {
  readonly request: OpenRequest<Child>;
  /** Takes this one out of the list, and stops the timer. */
  readonly leave: () => void;

  constructor(request: OpenRequest<Child>, left: () => void) {
    this.request = request;
    const { caller, number } = request;
    caller.channel.add(number, this);
    const timer = caller.clock.setTimeout(() => {
      left();
      caller.channel.remove(number);
      caller.channel.send(CONTROL, { kind: 'refuse', door: number, payload: NOTHING });
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
    this.request.caller.channel.remove(this.request.number);
  }

  ended(): void {
    this.leave();
  }
}
