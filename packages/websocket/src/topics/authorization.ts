import type { Logger } from '@landspout/ioloop';
import { isThenable } from '@landspout/ioloop/reactor';
import type { TopicAction, TopicAuthorization } from '@landspout/web';

/** A handler that decides. */
export interface AuthorizingHandler {
  readonly log: Logger;
  authorize(question: TopicAuthorization<never>): unknown;
  /** Whether the connection is closed: a failure is to be expected then. */
  readonly isOpen: boolean;
}

/** Asks for each action until one is refused; returns a promise only if `authorize` does. Never throws or rejects. */
export function areAllowed(
  handler: AuthorizingHandler,
  actions: readonly TopicAction[],
  topic: string,
): boolean | Promise<boolean> {
  for (const [at, action] of actions.entries()) {
    const allowed = isAllowed(handler, action, topic);
    if (allowed === false) return false;
    if (allowed === true) continue;
    return allowed.then((isSo) => isSo && areAllowed(handler, actions.slice(at + 1), topic));
  }
  return true;
}

/** Only `true` allows; a failure refuses. */
function isAllowed(
  handler: AuthorizingHandler,
  action: TopicAction,
  topic: string,
): boolean | Promise<boolean> {
  const failed = (error: unknown): false => {
    const details = { error, action, topic };
    if (handler.isOpen) handler.log.error(details, 'authorize threw or rejected; the client is refused');
    else handler.log.debug(details, 'authorize failed after its connection had ended');
    return false;
  };
  try {
    const decision: unknown = handler.authorize({ action, topic, handler: handler as never });
    if (!isThenable(decision)) return decision === true;
    return Promise.resolve(decision).then((decided) => decided === true, failed);
  } catch (error) {
    return failed(error);
  }
}
