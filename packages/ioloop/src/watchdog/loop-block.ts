/**
 * What kept the event loop from turning: JavaScript that ran on; native code that did not come back (a synchronous
 * system call, an addon, a garbage collection); a debugger that holds the thread; or nothing that could be found out.
 */
export type BlockCause = 'javascript' | 'native' | 'debugger' | 'unknown';

/** One time for which the event loop stood still. */
export interface LoopBlock {
  /**
   * Milliseconds by which the heartbeat is late, without the time that the watchdog itself lost. It is less than the
   * block by up to half the threshold, as the block began somewhere between two beats.
   */
  readonly blockedMs: number;
  readonly cause: BlockCause;
  /**
   * The JavaScript stack of the main thread, one frame a line, `at function (file:line:column)`, through source maps
   * where a file has one. For `native` it was taken as soon as JavaScript ran again: frames that had returned by
   * then are missing.
   */
  readonly stack: string | undefined;
  /** The innermost frame that is not Node's own, without `at`. */
  readonly where: string | undefined;
  /** Why there is no stack, in words for a person. */
  readonly note: string | undefined;
  /** Whether the block lasts while this is said. */
  readonly ongoing: boolean;
  /** Blocks before this one that were counted only, because of `reportsPerMinute`. */
  readonly suppressed: number;
}

/** One line for a person, and the stack below it when `withStack`. */
export function describeBlock(block: LoopBlock, withStack: boolean): string {
  const { blockedMs, cause, ongoing, suppressed } = block;
  const many = suppressed === 0 ? '' : ` (${suppressed} more before it were not reported)`;
  const stack = withStack && block.stack !== undefined ? `\n${block.stack}` : '';
  if (cause === 'debugger') {
    const held = ongoing ? 'is held by a debugger, so far' : 'was held by a debugger';
    return `the event loop ${held} for ${blockedMs} ms; no stack was taken, to leave its pause alone${many}`;
  }
  const blocked = ongoing
    ? `has been blocked for ${blockedMs} ms and still is`
    : `was blocked for ${blockedMs} ms`;
  return `the event loop ${blocked}${place(block)}${many}${stack}`;
}

function place({ cause, where, note }: LoopBlock): string {
  const because = note === undefined ? '' : ` (${note})`;
  if (cause === 'native') {
    return where === undefined ? `, in native code${because}` : `, in native code that returned to ${where}`;
  }
  return where === undefined ? because : `, in ${where}`;
}
