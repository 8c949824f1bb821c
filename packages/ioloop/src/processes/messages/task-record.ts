/**
 * What a child gives to `listen`: inherited descriptors, or an address whose listener node:cluster shares. Opaque to
 * programs: the kind depends on the backend.
 */
export type TaskListener =
  | { readonly fd: number | readonly number[] }
  | { readonly host?: string; readonly port: number; readonly cluster: true };

/** What a parent tells a child, in its environment. */
export interface TaskRecord {
  /** The process that started the child. */
  readonly parent: number;
  readonly id: number;
  readonly count: number;
  /** How long the child may take to end when it is told to, or left alone. */
  readonly stopTimeoutMs: number;
  readonly listeners: readonly TaskListener[];
}

const ID = 'LANDSPOUT_TASK_ID';
const COUNT = 'LANDSPOUT_TASK_COUNT';
const REST = 'LANDSPOUT_TASK';

let own: TaskRecord | undefined;

/** The variables that make a process the child that `record` describes. */
export function toEnvironment(record: TaskRecord): Record<string, string> {
  const { id, count, ...rest } = record;
  return { [ID]: String(id), [COUNT]: String(count), [REST]: JSON.stringify(rest) };
}

/** What the parent of this process has told it; `undefined` when it is nobody's child. */
export function ownTask(): TaskRecord | undefined {
  own ??= readTask();
  return own;
}

/** Takes the variables out of the environment, so that processes which this one starts are children of their own. */
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
    return undefined; // written by somebody else
  }
}

/**
 * Variables are inherited by everything that a child starts, too. Ours are for a child of the parent that wrote them;
 * where that parent is dead, they are for a child that it has left, which must not take itself for a parent.
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
