import { type TaskMessage, type TaskWord, taskWordOf } from './task-messages.ts';

/**
 * Nothing is said to a parent that is gone, and none of it is needed then.
 *
 * @throws what Node throws for a value that a message cannot hold.
 */
export function tellParent(landspout: TaskWord): void {
  if (process.connected) process.send?.({ landspout } satisfies TaskMessage, undefined, undefined, () => {});
}

/**
 * Takes what the parent asks us out of what the program hears by `process.on('message')`.
 *
 * Node tells listeners in turn, and none of them can keep a message from the others; so it must be taken before.
 */
export function hearQuestions(heard: (ask: Extract<TaskWord, { kind: 'ask' }>) => void): void {
  const { emit } = process;
  const filtered = (event: string | symbol, ...args: unknown[]): boolean => {
    const own = event === 'message' ? taskWordOf(args[0]) : undefined;
    if (own === undefined) return Reflect.apply(emit, process, [event, ...args]) as boolean;
    if (own.kind === 'ask') heard(own);
    return true;
  };
  process.emit = filtered as typeof emit;
}
