import { AsyncResource } from 'node:async_hooks';
import type { Channel } from 'node:diagnostics_channel';

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
   * calls its argument. The wrappers of several subscribers are nested, in the order of the calls. Has an effect only
   * during the message. A store of `channel.bindStore` works too, and is outside of the wrappers.
   */
  runWithin(wrapper: ContextWrapper): void;
}

/**
 * Publishes a message about something that starts, synchronously, in the present async context.
 *
 * @param message - creates the message; called only if the channel has subscribers.
 * @returns the context in which it has to be processed; undefined if no subscriber asked for one.
 */
export function publishStart<Message extends StartMessage>(
  channel: Channel,
  message: (runWithin: StartMessage['runWithin']) => Message,
): AsyncResource | undefined {
  if (!channel.hasSubscribers) return undefined;
  const wrappers: ContextWrapper[] = [];
  let isOpen = true;
  const made = message((wrapper) => {
    if (isOpen) wrappers.push(wrapper);
  });
  let context: AsyncResource | undefined;
  // Publishes, and calls the function within the stores that are bound to the channel.
  channel.runStores(made, () => {
    isOpen = false;
    capture(wrappers, 0, (resource) => {
      context = resource;
    });
  });
  return context;
}

/** Creates a resource, which keeps the context, within the wrappers from `index` on. */
function capture(
  wrappers: readonly ContextWrapper[],
  index: number,
  captured: (resource: AsyncResource) => void,
): void {
  const wrapper = wrappers[index];
  if (wrapper === undefined) captured(new AsyncResource('LandspoutStart'));
  else wrapper(() => capture(wrappers, index + 1, captured));
}
