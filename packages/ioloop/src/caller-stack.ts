import { CodedError } from './errors.ts';

/**
 * Adds the functions that await an error to its stack, such as the line of a program that called `fetch`.
 *
 * What the system refuses is noticed in a callback of the event loop, whose stack says nothing about who asked. In the
 * `catch` of an `async` function the engine knows who awaits that: it costs nothing unless something fails. Called at
 * each function of ours that connects or listens; a second call for the same error adds what is new.
 *
 * @returns the same error, to be thrown on. Only errors of ours are changed: others are the caller's.
 */
export function withCallerStack(error: unknown): unknown {
  if (!(error instanceof CodedError) || typeof error.stack !== 'string') return error;
  const here: { stack?: unknown } = {};
  Error.captureStackTrace?.(here, withCallerStack);
  if (typeof here.stack !== 'string') return error;
  const known = new Set(error.stack.split('\n').map(callOf));
  // The first line is a heading, and the second our own caller, which is of use only where it leads on.
  const [, ...frames] = here.stack.split('\n');
  const isNew = (frame: string): boolean => !known.has(callOf(frame));
  if (frames.slice(1).some(isNew))
    Reflect.set(error, 'stack', [error.stack, ...frames.filter(isNew)].join('\n'));
  return error;
}

/** A frame as far as it says which function it is of: the same call may be at another place when it has waited. */
function callOf(frame: string): string {
  return frame.replace(/ at async /, ' at ').replace(/(?:(?<=\(.*):\d+)?:\d+\)?$/, '');
}
