import { AsyncResource } from 'node:async_hooks';
import type { Channel } from 'node:diagnostics_channel';
import { ArgumentChecks } from '../argument-checks.ts';
import { LoopUsageError } from '../loop-errors.ts';
import { mayHaveStores } from '../node-async-context.ts';

const checks = new ArgumentChecks((problem) => new LoopUsageError('ERR_LOOP_USAGE', problem));

/** Calls `run` once, synchronously, in the async context that it wants. */
export type ContextWrapper = (run: () => void) => void;

/**
 * A message about something that starts. Its subscribers may choose the async context in which it is processed.
 *
 * @example
 * subscribe('landspout.http.server.request.start', (message) => {
 *   message.runWithin((run) => storage.run({ id: randomUUID() }, run));
 * });
 */
export interface StartMessage {
  /**
   * Calls everything that belongs to what starts, such as the handler of a request, in the context in which `wrapper`
   * calls its argument. The wrapper is called once, after all subscribers. The wrappers of several subscribers are
   * nested, in the order of the calls. Has an effect only during the message. A store of `channel.bindStore` works too,
   * and is outside of the wrappers.
   *
   * A wrapper that does not call its argument, or calls it later, has no effect. An error that it throws is thrown as an
   * uncaught exception on the next tick, like that of a subscriber; the other wrappers still have their effect.
   *
   * @throws LoopUsageError `ERR_LOOP_USAGE` if `wrapper` is not a function.
   */
  runWithin(wrapper: ContextWrapper): void;
}

/**
 * Publishes a message about something that starts, synchronously, in the present async context.
 *
 * @param message - creates the message; called only if the channel has subscribers.
 * @returns the context in which it has to be processed, for `runInContextOf`; undefined if no subscriber asked for one.
 */
export function publishStart<Message extends StartMessage>(
  channel: Channel,
  message: (runWithin: StartMessage['runWithin']) => Message,
): AsyncResource | undefined {
  if (!channel.hasSubscribers) return undefined;
  const wrappers: ContextWrapper[] = [];
  let isOpen = true;
  const made = message((wrapper) => {
    checks.callback('runWithin', 'wrapper', wrapper);
    if (isOpen) wrappers.push(wrapper);
  });
  if (mayHaveStores(channel)) {
    // Publishes, and calls the function within the stores.
    return channel.runStores(made, () => {
      isOpen = false;
      return capture(wrappers, 0);
    });
  }
  channel.publish(made);
  isOpen = false;
  return wrappers.length === 0 ? undefined : capture(wrappers, 0);
}

/** Creates a resource, which keeps the context, within the wrappers from `index` on. */
function capture(wrappers: readonly ContextWrapper[], index: number): AsyncResource {
  const wrapper = wrappers[index];
  if (wrapper === undefined) return new AsyncResource('LandspoutStart');
  let captured: AsyncResource | undefined;
  let isOver = false;
  try {
    wrapper(() => {
      if (!isOver) captured ??= capture(wrappers, index + 1);
    });
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
  isOver = true;
  return captured ?? capture(wrappers, index + 1);
}
