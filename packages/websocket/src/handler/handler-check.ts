// Checks a class of WebSocketHandler when a route uses it: its methods for messages and its static lists. Does not
// create an instance.

import { shownValue } from '@landspout/ioloop/errors';
import { isToken } from '../protocol/handshake/header-list.ts';
import { MAX_SUBPROTOCOLS } from '../protocol/handshake/subprotocols.ts';
import { allowedOriginsProblem } from './allowed-origins.ts';

/** The parts of a handler class that are checked. */
export interface CheckedClass {
  readonly prototype: object;
  readonly allowedOrigins?: unknown;
  readonly subprotocols?: unknown;
}

/** The methods of which a handler has exactly one. */
export interface MessageMethods {
  readonly onMessage?: unknown;
  readonly onMessages?: unknown;
}

/**
 * Explains why a class cannot handle WebSocket connections.
 *
 * @param base - the class that it extends, which defines neither method for messages.
 * @returns a part of an error message, with a remedy; `undefined` if nothing is wrong.
 */
export function webSocketClassProblem(handlerClass: CheckedClass, base: object): string | undefined {
  const { allowedOrigins, subprotocols } = handlerClass;
  return (
    methodsProblem(handlerClass, base) ??
    (allowedOrigins === undefined ? undefined : allowedOriginsProblem(allowedOrigins)) ??
    (subprotocols === undefined ? undefined : subprotocolsProblem(subprotocols))
  );
}

/** Explains why an object cannot receive messages: it has both methods, or neither. */
export function messageMethodsProblem(handler: MessageMethods, shown: string): string | undefined {
  const isCalled = typeof handler.onMessage === 'function';
  const isLoop = typeof handler.onMessages === 'function';
  if (isCalled !== isLoop) return undefined;
  if (isCalled) return `${shown} has both onMessage and onMessages; define only one of them`;
  return `${shown} has no method onMessage; define it, or define onMessages to read messages in a loop`;
}

function methodsProblem(handlerClass: CheckedClass, base: object): string | undefined {
  const methods = handlerClass.prototype as MessageMethods;
  const problem = messageMethodsProblem(methods, shownValue(handlerClass));
  if (problem === undefined || methods.onMessage !== undefined) return problem;
  // A field exists only on an instance, so look for its name in the source text of the class. Instances are checked
  // before each upgrade.
  for (let one: unknown = handlerClass; one !== base; one = Object.getPrototypeOf(one)) {
    if (/\bonMessages?\b/.test(String(one))) return undefined;
  }
  return problem;
}

/** Explains what is wrong with a list of subprotocols. @returns as {@link webSocketClassProblem}. */
export function subprotocolsProblem(names: unknown): string | undefined {
  if (!Array.isArray(names)) return `subprotocols must be an array of names, got ${shownValue(names)}`;
  if (names.length > MAX_SUBPROTOCOLS) {
    return `subprotocols must have at most ${MAX_SUBPROTOCOLS} names, got ${names.length}`;
  }
  const wrong: unknown = names.find((name) => typeof name !== 'string' || !isToken(name));
  if (wrong !== undefined || names.includes(undefined)) {
    return `subprotocols: each name must be a token such as 'chat.v2', got ${shownValue(wrong)}`;
  }
  const twice: unknown = names.find((name, at) => names.indexOf(name) !== at);
  return twice === undefined
    ? undefined
    : `subprotocols: each name must occur once, but ${shownValue(twice)} is repeated`;
}
