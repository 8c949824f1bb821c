/**
 * What blocked the event loop: JavaScript that kept running; native code that did not return (a synchronous system
 * call, an addon, a garbage collection); a debugger that holds the thread; or an unknown cause.
 */
export type BlockCause = 'javascript' | 'native' | 'debugger' | 'unknown';

/** One period in which the event loop was blocked. */
export interface LoopBlock {
  /**
   * How late the heartbeat is, in milliseconds, minus the time in which the watchdog itself could not run. The actual
   * block is longer by up to half the threshold, because it began at some point between two beats.
   */
  readonly blockedMs: number;
  readonly cause: BlockCause;
  /**
   * The JavaScript stack of the main thread, one frame per line, `at function (file:line:column)`, with the original
   * positions if a file has a source map. If the cause is `native`, the stack was taken as soon as JavaScript ran
   * again: frames that had returned by then are missing.
   */
  readonly stack: string | undefined;
  /** The innermost frame that is not Node's own code, without `at`. */
  readonly where: string | undefined;
  /** Why there is no stack, as readable text. */
  readonly note: string | undefined;
  /** Whether the block is still ongoing at the time of this report. */
  readonly ongoing: boolean;
  /** How many blocks before this one were not reported because of `reportsPerMinute`. */
  readonly suppressed: number;
}

/** Describes a block in one line, followed by the stack if `withStack` is true. */
export function describeBlock(block: LoopBlock, withStack: boolean): string {
  const { blockedMs, cause, ongoing, suppressed } = block;
  const many = suppressed === 0 ? '' : ` (earlier blocks not reported: ${suppressed})`;
  const stack = withStack && block.stack !== undefined ? `\n${block.stack}` : '';
  if (cause === 'debugger') {
    const held = ongoing ? 'has been held by a debugger' : 'was held by a debugger';
    return `the event loop ${held} for ${blockedMs} ms; no stack was taken, so as not to disturb the debugger${many}`;
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
