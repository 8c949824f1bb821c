import { INSPECT, inspection } from '../../inspection.ts';
import { runInRootContext } from '../../node-async-context.ts';
import { shownText, shownValue } from '../../shown-value.ts';
import { reportRejection } from '../../thenable.ts';
import { ProcessUsageError } from '../launching/process-errors.ts';
import type { ChannelMember, DoorChannel } from './door-channel.ts';
import { type FrameOwner, FrameQueue } from './frame-queue.ts';
import { type Frame, HEADER_BYTES } from './frames.ts';
import { type DoorEnd, type DoorHandler, MAX_MESSAGE_BYTES, type MessageDoor } from './message-door.ts';

type State =
  /** In a child: the parent has not accepted the door yet. Messages wait in a queue of their own. */
  | { readonly kind: 'opening'; readonly queue: FrameQueue }
  | { readonly kind: 'open' }
  /**
   * The program has closed the door, but that has not been sent yet. In a child, if the parent has not accepted the door
   * yet, it waits in `queue`, behind messages.
   */
  | { readonly kind: 'closing'; readonly queue?: FrameQueue }
  | { readonly kind: 'closed' };

export interface ChannelDoorSettings {
  readonly name: string;
  readonly taskId: number;
  readonly number: number;
  readonly channel: DoorChannel;
  readonly maxQueuedBytes: number;
  /** Called once when the door is closed by either end. */
  closed?(): void;
}

/** How much more may wait if it is urgent. */
const URGENT_BYTES = MAX_MESSAGE_BYTES;
/** The owner of frames that are not counted. */
export const CONTROL: FrameOwner = { left() {} };
const NOTHING = new Uint8Array(0);

/** A door over a channel. The same class serves the parent and the child. */
export class ChannelDoor implements MessageDoor, ChannelMember, FrameOwner {
  readonly #settings: ChannelDoorSettings;
  readonly #channel: DoorChannel;
  readonly #number: number;
  #handler: DoorHandler | undefined;
  #state: State;
  #queuedBytes = 0;
  /** Whether `drained` is due. */
  #isFull = false;
  #isRef = false;

  /** @param isAccepted - whether messages may be sent already, as in the parent. */
  constructor(settings: ChannelDoorSettings, { isAccepted }: { readonly isAccepted: boolean }) {
    this.#settings = settings;
    this.#channel = settings.channel;
    this.#number = settings.number;
    this.#state = isAccepted ? { kind: 'open' } : { kind: 'opening', queue: new FrameQueue() };
    this.#channel.add(this.#number, this);
  }

  get name(): string {
    return this.#settings.name;
  }

  get taskId(): number {
    return this.#settings.taskId;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Sets the handler, which is notified from now on. */
  handle(handler: DoorHandler): void {
    this.#handler = handler;
  }

  send(message: Uint8Array, isUrgent = false): boolean {
    requireMessage(message);
    const state = this.#state;
    if (state.kind === 'closed' || state.kind === 'closing') return false;
    const { maxQueuedBytes } = this.#settings;
    if (this.#queuedBytes > (isUrgent ? maxQueuedBytes + URGENT_BYTES : maxQueuedBytes)) {
      this.#isFull = true;
      return false;
    }
    this.#queuedBytes += HEADER_BYTES + message.byteLength;
    const frame = { kind: 'message', door: this.#number, payload: message } as const;
    if (state.kind === 'opening') state.queue.append(this, frame);
    else this.#channel.send(this, frame);
    return true;
  }

  ref(): void {
    if (this.#isRef || this.#state.kind === 'closed' || this.#state.kind === 'closing') return;
    this.#isRef = true;
    this.#channel.ref();
  }

  unref(): void {
    if (!this.#isRef) return;
    this.#isRef = false;
    this.#channel.unref();
  }

  close(): void {
    const state = this.#state;
    if (state.kind === 'closed' || state.kind === 'closing') return;
    const frame = { kind: 'close', door: this.#number, payload: NOTHING } as const;
    const closing = { left: () => this.#forget() };
    if (state.kind === 'opening' && !state.queue.isEmpty) {
      state.queue.append(closing, frame);
      this.#state = { kind: 'closing', queue: state.queue };
    } else {
      this.#channel.send(closing, frame);
      this.#state = { kind: 'closing' };
    }
    this.#release();
  }

  received({ kind, payload }: Frame): void {
    if (kind === 'message') this.#deliver(payload);
    else if (kind === 'accept') this.#accepted();
    else if (kind === 'refuse') this.#endBy('refused');
    else if (kind === 'close') this.#endBy('closed');
  }

  ended(): void {
    this.#endBy('ended');
  }

  left(bytes: number): void {
    this.#queuedBytes -= bytes;
    if (!this.#isFull || this.#state.kind !== 'open') return;
    if (this.#queuedBytes > this.#settings.maxQueuedBytes / 2) return;
    this.#isFull = false;
    this.#call((handler) => handler.drained());
  }

  [INSPECT](): object {
    return inspection(this, ['name', 'taskId', 'queuedBytes'], () => ({ state: this.#state.kind }));
  }

  #deliver(payload: Uint8Array): void {
    if (this.#state.kind === 'open') this.#call((handler) => handler.message(payload));
  }

  #accepted(): void {
    const state = this.#state;
    if (state.kind !== 'opening' && state.kind !== 'closing') return;
    if (state.kind === 'opening') this.#state = { kind: 'open' };
    if (state.queue !== undefined) this.#channel.sendAll(state.queue);
  }

  #endBy(reason: DoorEnd): void {
    const { kind } = this.#state;
    if (kind === 'closed') return;
    this.#forget();
    if (kind === 'closing') return;
    this.#release();
    this.#call((handler) => handler.closed(reason));
  }

  /** Takes the door out of the channel. */
  #forget(): void {
    this.#state = { kind: 'closed' };
    this.#channel.remove(this.#number);
  }

  /** Ends the effect of {@link ref}, and frees the name. */
  #release(): void {
    this.unref();
    this.#settings.closed?.();
  }

  /**
   * Calls the handler in the root async context. If it throws or rejects, the door is closed, and the handler is notified
   * of that as of any other end.
   */
  #call(notify: (handler: DoorHandler) => unknown): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    const failed = (error: unknown): void => {
      this.#channel.logger.error(
        { error },
        `the handler of the message door ${shownText(this.name)} threw; closing the door`,
      );
      const { kind } = this.#state;
      this.close();
      if (kind === 'opening' || kind === 'open') this.#call((failing) => failing.closed('closed'));
    };
    runInRootContext(() => {
      try {
        reportRejection(notify(handler), failed);
      } catch (error) {
        failed(error);
      }
    }, undefined);
  }
}

function requireMessage(message: unknown): void {
  if (!(message instanceof Uint8Array)) {
    throw new ProcessUsageError(
      `send: a message of type Uint8Array was expected, not ${shownValue(message)}`,
    );
  }
  if (message.byteLength > MAX_MESSAGE_BYTES) {
    throw new ProcessUsageError(
      `send: a message of at most ${MAX_MESSAGE_BYTES} bytes was expected, not ${message.byteLength}; send it in parts`,
    );
  }
}
