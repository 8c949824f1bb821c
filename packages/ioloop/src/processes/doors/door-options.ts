import { type OptionNames, optionsProblem } from '../../option-names.ts';
import { shownValue } from '../../shown-value.ts';
import { ProcessUsageError } from '../launching/process-errors.ts';
import { MAX_NAME_BYTES } from './frames.ts';
import { MAX_MESSAGE_BYTES } from './message-door.ts';

export interface DoorOptions {
  /**
   * Above this many bytes that wait to be sent, headers of 8 bytes included, `send` returns false; 0 to 1 GiB. Default:
   * 16 MiB.
   */
  readonly maxQueuedBytes?: number;
}

const DOOR_OPTIONS: OptionNames<DoorOptions> = { maxQueuedBytes: true };
const DEFAULT_QUEUED_BYTES = 16 * 1024 * 1024;
const MAX_QUEUED_BYTES = 16 * MAX_MESSAGE_BYTES;

/** @throws ProcessUsageError `ERR_PROCESS_USAGE` if an option is invalid. */
export function resolveDoorOptions(options: DoorOptions, operation: string): Required<DoorOptions> {
  const problem = optionsProblem(options, DOOR_OPTIONS);
  if (problem !== undefined) throw new ProcessUsageError(`${operation}: ${problem}`);
  const { maxQueuedBytes = DEFAULT_QUEUED_BYTES } = options;
  if (typeof maxQueuedBytes === 'number' && maxQueuedBytes >= 0 && maxQueuedBytes <= MAX_QUEUED_BYTES) {
    return { maxQueuedBytes };
  }
  throw new ProcessUsageError(
    `${operation}: maxQueuedBytes of 0 to ${MAX_QUEUED_BYTES} was expected, not ${shownValue(maxQueuedBytes)}`,
  );
}

/** @throws ProcessUsageError `ERR_PROCESS_USAGE` if `name` is not the name of a door. */
export function requireDoorName(name: unknown, operation: string): asserts name is string {
  if (typeof name === 'string' && name !== '' && Buffer.byteLength(name) <= MAX_NAME_BYTES) return;
  throw new ProcessUsageError(
    `${operation}: a name of 1 to ${MAX_NAME_BYTES} bytes was expected, not ${shownValue(name)}`,
  );
}

/** @throws ProcessUsageError `ERR_PROCESS_USAGE` if `handler` has not the methods of a {@link DoorHandler}. */
export function requireDoorHandler(handler: unknown, operation: string): void {
  const methods = (handler ?? {}) as Record<string, unknown>;
  for (const name of ['message', 'drained', 'closed']) {
    if (typeof methods[name] === 'function') continue;
    throw new ProcessUsageError(
      `${operation}: a handler with the methods message, drained and closed was expected, but ${name} of ${shownValue(handler)} is ${shownValue(methods[name])}`,
    );
  }
}
