import type { LoopBlock } from './loop-block.ts';
import type { WatchSettings } from './watch-options.ts';

/** What the worker is started with. */
export interface WatchdogData {
  readonly memory: SharedArrayBuffer;
  readonly settings: WatchSettings;
}

/** What the worker says to the main thread, which hears it when its loop turns again. */
export type WatchdogMessage =
  /** A block has ended. `shown`: its stack has been written to standard error. */
  | { readonly kind: 'block'; readonly block: LoopBlock; readonly shown: boolean }
  /** The immediate module cannot be loaded or has thrown. */
  | { readonly kind: 'module-failed'; readonly error: unknown }
  /** The answer to {@link CLOSE}: no debugger of ours is connected any more. */
  | { readonly kind: 'may-end' };

/** The one thing that the main thread says to the worker. */
export const CLOSE = 'close';
