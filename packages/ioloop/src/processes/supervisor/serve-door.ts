import type { DoorOptions } from '../doors/door-options.ts';
import type { DoorHandler, MessageDoor } from '../doors/message-door.ts';
import { ParentDoors } from '../doors/parent-doors.ts';
import type { SupervisedChild } from './supervised-task.ts';

/** The names that this thread serves, for the children of all of its supervisors. */
export const parentDoors = new ParentDoors<SupervisedChild>();

/**
 * Serves the doors that children open with `openDoor`, in the process that supervises them. Children may have been
 * started before.
 *
 * @param name - 1 to 256 bytes of UTF-8.
 * @param accept - called with a new door whenever a child opens one of this name. It returns what is notified of its
 *   messages, and may send messages already. If it throws, the error is logged, and the door is closed. When a child is
 *   replaced, both children of a task have a door for some time. After a child has ended, the handler gets the messages
 *   that it had sent, and then `closed('ended')`; that may be after `onExited`.
 * @returns an object whose `close` ends the service; doors that are open stay open.
 * @throws ProcessUsageError `ERR_PROCESS_USAGE` if the name is served already, or if an argument is invalid.
 */
export function serveDoor(
  name: string,
  accept: (door: MessageDoor, child: SupervisedChild) => DoorHandler,
  options: DoorOptions = {},
): { close(): void } {
  return parentDoors.serveDoor(name, accept, options);
}
