import { IncomingMessage } from 'node:http';

/** What routers set for themselves. A mounted application has its own, from the head of its request. */
const OF_ROUTERS = new Set<string | symbol>(['baseUrl', 'originalUrl', 'params', 'route', 'next', 'res']);
/** How Node names the symbols under which it keeps state. */
const STATE_OF_NODE = /^k[A-Z]/;

/**
 * Copies what middleware has added to a request, such as `user` or `session`, to a new request for the same message: the
 * own properties that a request of node:http does not have. Accessors stay accessors.
 */
export function copyAdded(from: IncomingMessage, to: IncomingMessage): void {
  for (const key of Reflect.ownKeys(from)) {
    if (OF_ROUTERS.has(key) || Object.hasOwn(to, key) || key in IncomingMessage.prototype) continue;
    if (typeof key === 'symbol' && STATE_OF_NODE.test(key.description ?? '')) continue;
    Object.defineProperty(to, key, Object.getOwnPropertyDescriptor(from, key) as PropertyDescriptor);
  }
}
