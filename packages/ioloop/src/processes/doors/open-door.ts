import { Socket } from 'node:net';
import { isMainThread } from 'node:worker_threads';
import { IOLoop } from '../../loop/io-loop.ts';
import { ProcessUsageError } from '../launching/process-errors.ts';
import { ownTask, type TaskRecord } from '../messages/task-record.ts';
import { ChildDoors } from './child-doors.ts';
import { DoorChannel } from './door-channel.ts';
import type { DoorOptions } from './door-options.ts';
import type { DoorEnd, DoorHandler, MessageDoor } from './message-door.ts';

let doors: ChildDoors | undefined;

/** Whether this is the main thread of a child process that `forkProcesses` or a `ProcessSupervisor` started. */
export function isTaskChild(): boolean {
  return isMainThread && ownTask() !== undefined;
}

/**
 * Opens a door for binary messages to the parent, in a child of `forkProcesses`; also before the child has called
 * `forkProcesses`. Messages may be sent at once: they wait until the parent has accepted the door with `serveDoor`. If
 * the parent does not serve the name within 10 s, the handler gets `closed('refused')`.
 *
 * The door does not keep the process alive unless `ref` is called. Messages that were sent in the current turn of the
 * loop are lost if the process exits in the same turn.
 *
 * @param name - 1 to 256 bytes of UTF-8. A name can be opened again after its door was closed.
 * @throws ProcessUsageError `ERR_PROCESS_USAGE` if this process is no child, in a worker thread, if the door is open
 *   already, if 1,024 doors are open, or if an argument is invalid.
 */
export function openDoor(name: string, handler: DoorHandler, options: DoorOptions = {}): MessageDoor {
  if (!isMainThread) {
    throw new ProcessUsageError('openDoor must be called in the main thread, not in a worker thread');
  }
  const task = ownTask();
  if (task === undefined) {
    throw new ProcessUsageError('openDoor must be called in a child process that forkProcesses has started');
  }
  doors ??= new ChildDoors(task.id, () => connect(task));
  return doors.openDoor(name, handler, options);
}

function connect({ parent, door }: TaskRecord): DoorChannel | DoorEnd {
  if (door === undefined) return 'refused'; // the parent runs an older version
  // If the parent has ended, this may be a process that a child has started, whose descriptor is something else.
  if (process.ppid !== parent) return 'ended';
  try {
    const socket = new Socket({ fd: door, readable: true, writable: true });
    return new DoorChannel(socket, { peer: 'the parent', logger: () => IOLoop.current().logger });
  } catch {
    return 'ended'; // the program has closed the descriptor
  }
}
