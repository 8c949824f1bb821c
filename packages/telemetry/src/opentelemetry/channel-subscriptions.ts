import { subscribe, unsubscribe } from 'node:diagnostics_channel';

/** Listeners by the name of their channel. */
export type Subscriptions = Readonly<Record<string, (message: never) => void>>;

/**
 * Subscribes to channels.
 *
 * @param attempt - calls a listener and catches its errors, which would otherwise end the process.
 * @returns a function that ends the subscriptions.
 */
export function subscribeAll(
  subscriptions: Subscriptions,
  attempt: (listener: () => void) => void,
): () => void {
  const listeners = Object.entries(subscriptions).map(([name, listener]) => {
    const onMessage = (message: unknown): void => attempt(() => listener(message as never));
    subscribe(name, onMessage);
    return () => unsubscribe(name, onMessage);
  });
  return () => {
    for (const end of listeners) end();
  };
}
