import { IncomingMessage, ServerResponse } from 'node:http';

/** Creates a request or response of node:http. */
export type MessageConstructor = new (argument: unknown) => object;

/** Constructors for the requests and responses of one handler. */
export interface MessageConstructors {
  readonly request: MessageConstructor;
  readonly response: MessageConstructor;
}

/** Requests and responses with the prototypes of node:http. */
export const PLAIN_MESSAGES = {
  request: IncomingMessage,
  response: ServerResponse,
} as unknown as MessageConstructors;

/**
 * Returns the constructors for the messages of a handler. An Express application replaces the prototypes of each request
 * and response by its own, `app.request` and `app.response`. If its messages have them from the beginning, the
 * replacement changes nothing; otherwise the V8 of Node 20 and 22 creates a new hidden class for each property that is
 * added to each of these objects later, which takes more than half of the time of a request.
 *
 * An application that is called by another handler, or whose prototypes were replaced later, replaces those of its
 * messages as on node:http.
 */
export function messageConstructorsFor(handler: unknown): MessageConstructors {
  const { request, response } = handler as { readonly request?: unknown; readonly response?: unknown };
  if (!inherits(request, IncomingMessage) || !inherits(response, ServerResponse)) return PLAIN_MESSAGES;
  if (!isCallable(IncomingMessage) || !isCallable(ServerResponse)) return PLAIN_MESSAGES;
  return {
    request: constructorWith(request, IncomingMessage),
    response: constructorWith(response, ServerResponse),
  };
}

/**
 * Returns the base of a class that adds private fields to objects which another constructor creates. The class passes to
 * `super` the argument for that constructor, and the constructor. The objects do not have the prototype of the class,
 * only that of the constructor.
 *
 * @param parent - what all of the constructors create objects of.
 */
export function createdBy<Message extends object>(parent: {
  readonly prototype: Message;
}): new (
  argument: unknown,
  Constructor: MessageConstructor,
) => Message {
  function Created(argument: unknown, Constructor: MessageConstructor): object {
    return new Constructor(argument);
  }
  Created.prototype = parent.prototype;
  return Created as unknown as new (
    argument: unknown,
    Constructor: MessageConstructor,
  ) => Message;
}

/** Only a constructor that owns the prototype gives all of its objects the same hidden class. */
function constructorWith(prototype: object, parent: { readonly prototype: object }): MessageConstructor {
  const initialize = parent as unknown as (this: object, argument: unknown) => void;
  function Message(this: object, argument: unknown): void {
    initialize.call(this, argument);
  }
  Message.prototype = prototype;
  return Message as unknown as MessageConstructor;
}

/** Whether a constructor can initialize an object that another one has created: a class cannot. */
function isCallable(parent: { readonly prototype: object }): boolean {
  // A class has a prototype that is not writable.
  return Object.getOwnPropertyDescriptor(parent, 'prototype')?.writable === true;
}

function inherits(value: unknown, parent: { readonly prototype: object }): value is object {
  return Object.prototype.isPrototypeOf.call(parent.prototype, value as object);
}
