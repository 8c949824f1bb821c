/**
 * What a child passes to `listen`: inherited file descriptors, or an address whose listener node:cluster shares. Opaque
 * to programs, since the form depends on the backend.
 */
export type TaskListener =
  | { readonly fd: number | readonly number[] }
  | { readonly host?: string; readonly port: number; readonly cluster: true };

/** What a parent passes to a child in its environment. */
export interface TaskRecord {
  /** The pid of the process that started the child. */
  readonly parent: number;
  readonly id: number;
  readonly count: number;
  /** How long the child may take to end after it is asked to stop or its parent has died. */
  readonly stopTimeoutMs: number;
  readonly listeners: readonly TaskListener[];
  /** The descriptor of the child's socket for message doors. Absent if the parent runs an older version. */
  readonly door?: number;
}

const ID = 'LANDSPOUT_TASK_ID';
const COUNT = 'LANDSPOUT_TASK_COUNT';
const REST = 'LANDSPOUT_TASK';

let own: TaskRecord | undefined;

/** The environment variables that make a process the child that `record` describes. */
export function toEnvironment(record: TaskRecord): Record<string, string> {
  const { id, count, ...rest } = record;
  return { [ID]: String(id), [COUNT]: String(count), [REST]: JSON.stringify(rest) };
}

/** The record that the parent passed to this process; `undefined` if the process is not a child. */
export function ownTask(): TaskRecord | undefined {
  own ??= readTask();
  return own;
}

/**
 * Removes the variables from the environment, so that processes started by this one do not mistake themselves for
 * children of our parent.
 */
export function clearTaskEnvironment(): void {
  for (const name of [ID, COUNT, REST]) delete process.env[name];
}

function readTask(): TaskRecord | undefined {
  const { [ID]: id, [COUNT]: count, [REST]: rest } = process.env;
  if (id === undefined || count === undefined || rest === undefined) return undefined;
  try {
    const record = { ...JSON.parse(rest), id: Number(id), count: Number(count) } as TaskRecord;
    return isMeantForUs(record.parent) ? record : undefined;
  } catch {
    return undefined; // not written by us
  }
}

/**
 * Processes that a child starts inherit the variables too. They are meant for this process if the process that wrote
 * them is its parent, or has died: in that case this process is its orphaned child, and must not act as a parent.
 */
function isMeantForUs(parent: number): boolean {
  if (process.ppid === parent) return true;
  try {
    process.kill(parent, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
