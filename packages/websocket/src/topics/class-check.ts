import { shownValue } from '@landspout/ioloop/errors';

const TOPICS_REMEDY = 'define it as a field: topics = new Topics()';

/** The value of the field may be a variable that the program sets after `listen`. */
const MADE_LATE = 'or its value is undefined: it was made after the server had begun to listen';

/** A handler class, as far as it is checked. */
interface SomeClass {
  readonly prototype: object;
}

/**
 * Explains why a class cannot be a door of topics: it does not decide who may do what.
 *
 * @param base - the class that it extends, which defines nothing of what is looked for.
 * @returns a part of an error message, with a remedy; `undefined` if nothing is wrong.
 */
export function topicClassProblem(handlerClass: SomeClass, base: object): string | undefined {
  if (!mayHave(handlerClass, base, 'authorize')) return authorizeProblem(shownValue(handlerClass));
  return mayHave(handlerClass, base, 'topics') ? undefined : topicsProblem(shownValue(handlerClass));
}

/** The same for an instance, which has fields that the check of the class does not see. */
export function topicHandlerProblem(handler: object): string | undefined {
  const { authorize, topics } = handler as { readonly authorize?: unknown; readonly topics?: unknown };
  const shown = shownValue(handler.constructor);
  if (typeof authorize !== 'function') return authorizeProblem(shown);
  if (topics === undefined) return `${topicsProblem(shown)}, ${MADE_LATE}`;
  const { topic } = (topics ?? {}) as { readonly topic?: unknown };
  if (typeof topic === 'function') return undefined;
  return `topics of ${shown}: a Topics object was expected, got ${shownValue(topics)}; ${TOPICS_REMEDY}`;
}

function authorizeProblem(shown: string): string {
  return `${shown} has no method authorize; define it, to decide who may subscribe and publish: authorize({ action, topic }) returns true or false`;
}

function topicsProblem(shown: string): string {
  return `${shown} has no topics; ${TOPICS_REMEDY}`;
}

/** A field exists only on an instance, so its name is looked for in the source text of the class. */
function mayHave(handlerClass: SomeClass, base: object, name: string): boolean {
  if (name in handlerClass.prototype) return true;
  const isNamed = new RegExp(`\\b${name}\\b`);
  for (
    let one: unknown = handlerClass;
    typeof one === 'function' && one !== base;
    one = Object.getPrototypeOf(one)
  ) {
    if (isNamed.test(String(one))) return true;
  }
  return false;
}
