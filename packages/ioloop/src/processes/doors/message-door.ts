/**
 * One end of the channel for messages between a parent and one of its children, for one name. Messages arrive whole, in
 * order, and once. They do not use the channel of `process.send`.
 */
export interface MessageDoor {
  /** The name that both ends have opened. */
  readonly name: string;
  /** The task of the child, in the parent and in the child. */
  readonly taskId: number;
  /** Bytes of the messages that wait to be sent, with 8 more for each. */
  readonly queuedBytes: number;
  /**
   * Queues a message; all messages of one turn of the loop leave together, at its end. What has not left when the process
   * exits is lost.
   *
   * @param message - at most {@link MAX_MESSAGE_BYTES}. Its bytes belong to the door until `false` is returned or they
   *   have left, so do not change them.
   * @param isUrgent - queues it even if the queue is full, up to 64 MiB more; for the few messages that have to arrive.
   * @returns false if more than `maxQueuedBytes` wait already, or the door is closed: the message was not queued. The
   *   handler's `drained` is called when there is room again.
   * @throws ProcessUsageError `ERR_PROCESS_USAGE` if `message` is no Uint8Array, or is too long; it was not queued.
   */
  send(message: Uint8Array, isUrgent?: boolean): boolean;
  /** Keeps the process alive until {@link unref}. At first the door does not. */
  ref(): void;
  unref(): void;
  /** Sends what waits, and closes the door. The handler is notified of nothing more; that of the other end gets `closed`. */
  close(): void;
}

/**
 * Notified of what comes through a door. Called synchronously, in the root async context. None may throw or reject: the
 * error is logged, and the door is closed; if it was open until then, `closed` is called as well.
 */
export interface DoorHandler {
  /** @param message - belongs to the handler. It may be a view of a larger buffer. */
  message(message: Uint8Array): void;
  /** Called after `send` has returned false, when half of the queue has left. */
  drained(): void;
  /**
   * Called once; nothing follows.
   *
   * @param reason - `ended`: the other process has ended, or the channel is broken; a part of a message that has arrived
   *   is dropped. `closed`: the other end has closed the door, or this handler has thrown. `refused`:
   *   the other process does not serve the name.
   */
  closed(reason: DoorEnd): void;
}

export type DoorEnd = 'ended' | 'closed' | 'refused';

/** Longest message: longer ones are a mistake of the caller. */
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
