import { shownValue } from '@landspout/ioloop/errors';
import { RequestHandler } from '../handler/request-handler.ts';

/** A class, as far as it is looked at here. */
interface SomeClass {
  readonly name: string;
  readonly prototype: object;
  readonly supportedMethods?: readonly string[];
}

/**
 * Says why a value cannot be the handler of a route: it is no class of handlers, or its class responds to no method, so
 * that every request would be a 405.
 *
 * @returns the end of a message, with a remedy; `undefined` if nothing is wrong.
 */
export function handlerProblem(handler: unknown): string | undefined {
  if (handler === undefined) {
    return 'its handler is undefined: do two modules import each other, so that its class did not exist yet, or is its name misspelled?';
  }
  if (typeof handler !== 'function' || !hasPrototype(handler)) return noClass(handler);
  if (handler.prototype !== RequestHandler.prototype && !(handler.prototype instanceof RequestHandler)) {
    return isOfAnotherCopy(handler.prototype)
      ? `${shownValue(handler)} extends the RequestHandler of another copy of @landspout/web, which seems to be installed twice`
      : noClass(handler);
  }
  return respondsToSomething(handler) ? undefined : noVerb(handler);
}

function noClass(handler: unknown): string {
  const example = 'class Hello extends RequestHandler { get() { this.write("hello"); } }';
  return `a class that extends RequestHandler was expected, not ${shownValue(handler)}; write ${example}`;
}

function noVerb(handler: SomeClass): string {
  const capitals = verbsOf(handler).find((verb) =>
    [verb.toUpperCase(), capital(verb)].some(isMember(handler)),
  );
  const remedy =
    capitals === undefined
      ? 'give it one, such as get()'
      : `its methods are named in lower case: ${capitals}()`;
  return `the handler ${shownValue(handler)} has no method for any of ${verbsOf(handler).join(', ')}; ${remedy}`;
}

/** A class whose `prepare` is its own may respond there, whatever the method. */
function respondsToSomething(handler: SomeClass): boolean {
  if (['prepare', ...verbsOf(handler)].some(isMember(handler))) return true;
  return verbsOf(handler).some(mayBeField(handler));
}

/** The names of the methods that respond to HTTP methods. */
function verbsOf({ supportedMethods }: SomeClass): readonly string[] {
  return (supportedMethods ?? RequestHandler.supportedMethods).map((method) => method.toLowerCase());
}

/** Whether a class, or one that it extends below RequestHandler, has a member. Nothing is called, not even a getter. */
function isMember({ prototype }: SomeClass): (name: string) => boolean {
  return (name) => lineage(prototype).some((one) => Object.hasOwn(one, name));
}

/**
 * Whether a class may set such a property in its constructor, or declare it as a field: that shows in an object, and none
 * is made here, so its source text has to do. It errs on the side of taking the class.
 */
function mayBeField({ prototype }: SomeClass): (name: string) => boolean {
  const text = lineage(prototype)
    .map((one) => Function.prototype.toString.call(one.constructor))
    .join('\n');
  return (name) => new RegExp(`(?:^|[\\s{;"'\\[]|this\\.)${name}["'\\]]?\\s*[=,]`).test(text);
}

/** Prototypes from that of a class to the last before RequestHandler's. */
function lineage(prototype: object): object[] {
  const line: object[] = [];
  for (let one = prototype; one !== RequestHandler.prototype; one = Object.getPrototypeOf(one))
    line.push(one);
  return line;
}

function hasPrototype(value: unknown): value is SomeClass {
  const { prototype } = value as { prototype?: unknown };
  return typeof prototype === 'object' && prototype !== null;
}

function isOfAnotherCopy(prototype: object): boolean {
  const { prepare, sendError, setDefaultHeaders } = prototype as Record<string, unknown>;
  return [prepare, sendError, setDefaultHeaders].every((one) => typeof one === 'function');
}

function capital(verb: string): string {
  return `${verb.charAt(0).toUpperCase()}${verb.slice(1)}`;
}
