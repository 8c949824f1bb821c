import { CodedError } from './errors.ts';

/**
 * Adds to the stack of an error the async functions that await the failed call, such as the function of a program that
 * called `fetch`.
 *
 * A failed system call is detected in a callback of the event loop, whose stack does not contain the caller. In the
 * `catch` of an `async` function, the engine knows which functions await it. This costs nothing unless something fails.
 * Every Landspout function that connects or listens calls this; a second call for the same error adds only frames that
 * are new.
 *
 * @returns the same error, for the caller to rethrow. Only a {@link CodedError} is changed, since other errors are the
 *   program's own.
 */
export function withCallerStack(error: unknown): unknown {
  if (!(error instanceof CodedError) || typeof error.stack !== 'string') return error;
  const here: { stack?: unknown } = {};
  Error.captureStackTrace?.(here, withCallerStack);
  if (typeof here.stack !== 'string') return error;
  const known = new Set(error.stack.split('\n').map(callOf));
  // The first line is a heading. The second is the function that called this one, which is useful only if other new
  // frames follow.
  const [, ...frames] = here.stack.split('\n');
  const isNew = (frame: string): boolean => !known.has(callOf(frame));
  if (frames.slice(1).some(isNew))
    Reflect.set(error, 'stack', [error.stack, ...frames.filter(isNew)].join('\n'));
  return error;
}

/** The part of a frame that identifies its function. After an await, the same call may show another position. */
function callOf(frame: string): string {
  return frame.replace(/ at async /, ' at ').replace(/(?:(?<=\(.*):\d+)?:\d+\)?$/, '');
}
