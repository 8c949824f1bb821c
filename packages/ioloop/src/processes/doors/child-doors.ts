import { INSPECT, inspection } from '../../inspection.ts';
import { runInRootContext } from '../../node-async-context.ts';
import { shownText } from '../../shown-value.ts';
import { ProcessUsageError } from '../launching/process-errors.ts';
import { ChannelDoor, CONTROL } from './channel-door.ts';
import type { DoorChannel } from './door-channel.ts';
import { type DoorOptions, requireDoorHandler, requireDoorName, resolveDoorOptions } from './door-options.ts';
import { MAX_DOOR } from './frames.ts';
import type { DoorEnd, DoorHandler, MessageDoor } from './message-door.ts';

/** Maximum number of doors that are open or being closed: programs have a few, so more are a leak. */
const MAX_DOORS = 1_024;

/** The doors that a child has opened. */
export class ChildDoors {
  readonly #taskId: number;
  readonly #connect: () => DoorChannel | DoorEnd;
  /** Why there is no channel, if there is none. */
  #channel: DoorChannel | DoorEnd | undefined;
  readonly #names = new Set<string>();
  #lastNumber = 0;

  /** @param connect - called when the first door is opened. */
  constructor(taskId: number, connect: () => DoorChannel | DoorEnd) {
    this.#taskId = taskId;
    this.#connect = connect;
  }

  /** @throws ProcessUsageError `ERR_PROCESS_USAGE`; see `openDoor`. */
  openDoor(name: string, handler: DoorHandler, options: DoorOptions = {}): MessageDoor {
    requireDoorName(name, 'openDoor');
    requireDoorHandler(handler, 'openDoor');
    const { maxQueuedBytes } = resolveDoorOptions(options, 'openDoor');
    if (this.#names.has(name)) {
      throw new ProcessUsageError(`openDoor: the door ${shownText(name)} is open already; close it first`);
    }
    this.#channel ??= this.#connect();
    const channel = this.#channel;
    if (typeof channel === 'string') return new DeadDoor(name, this.#taskId, handler, channel);
    if (channel.isEnded) return new DeadDoor(name, this.#taskId, handler, 'ended');
    if (channel.size >= MAX_DOORS) {
      throw new ProcessUsageError(
        `openDoor: ${MAX_DOORS} doors are open already; close those that are not needed`,
      );
    }
    const number = this.#nextNumber(channel);
    const closed = (): void => void this.#names.delete(name);
    const settings = { name, taskId: this.#taskId, number, channel, maxQueuedBytes, closed };
    const door = new ChannelDoor(settings, { isAccepted: false });
    door.handle(handler);
    this.#names.add(name);
    channel.send(CONTROL, { kind: 'open', door: number, payload: Buffer.from(name) });
    return door;
  }

  #nextNumber(channel: DoorChannel): number {
    do this.#lastNumber = (this.#lastNumber % MAX_DOOR) + 1;
    while (channel.has(this.#lastNumber));
    return this.#lastNumber;
  }
}

/** A door that was opened without a channel: its handler is notified of that soon, and what is sent until then is lost. */
class DeadDoor implements MessageDoor {
  readonly name: string;
  readonly taskId: number;
  readonly queuedBytes = 0;
  #isClosed = false;

  constructor(name: string, taskId: number, handler: DoorHandler, reason: DoorEnd) {
    this.name = name;
    this.taskId = taskId;
    runInRootContext(() => {
      setImmediate(() => {
        if (!this.#isClosed) handler.closed(reason);
        this.#isClosed = true;
      });
    }, undefined);
  }

  send(): boolean {
    return !this.#isClosed;
  }

  ref(): void {}

  unref(): void {}

  close(): void {
    this.#isClosed = true;
  }

  [INSPECT](): object {
    return inspection(this, ['name', 'taskId', 'queuedBytes']);
  }
}
