import { shownText, shownValue } from '@landspout/ioloop/errors';
import { RequestHandler } from '../handler/request-handler.ts';
import type { LazyHandler } from './route.ts';

/** The parts of a class that are checked here. */
interface SomeClass {
  readonly name: string;
  readonly prototype: object;
  readonly supportedMethods?: readonly string[];
}

/**
 * Whether the handler of a route is a function that loads the class, such as `() => import('./user.ts')`. A function
 * that neither imports anything nor is asynchronous was probably meant as the handler itself, as in other frameworks,
 * and is refused.
 */
export function isLazy(target: unknown): target is LazyHandler {
  if (typeof target !== 'function' || target.length > 0 || hasPrototype(target)) return false;
  return /^async\b|\bimport\b|\[native code\]/.test(Function.prototype.toString.call(target));
}

/**
 * Explains why a value cannot be the handler of a route: it is not a handler class, or its class has no method for any
 * verb, so that every request would get a 405.
 *
 * @returns the second part of an error message, including a remedy; `undefined` if nothing is wrong.
 */
export function handlerProblem(handler: unknown): string | undefined {
  if (handler === undefined) {
    return 'the handler is undefined: either two modules import each other and its class did not exist yet, or its name is misspelled';
  }
  if (typeof handler !== 'function' || !hasPrototype(handler)) return noClass(handler);
  if (handler.prototype !== RequestHandler.prototype && !(handler.prototype instanceof RequestHandler)) {
    return isOfAnotherCopy(handler.prototype)
      ? `${shownValue(handler)} extends the RequestHandler of another copy of @landspout/web, which seems to be installed twice`
      : noClass(handler);
  }
  return respondsToSomething(handler) ? undefined : noVerb(handler);
}

/**
 * Explains why the `init` of a route is lost: the class does not define `initialize`, the only method that receives it.
 * Options of a route that were put in the place of `init`, such as its middleware, would be ignored without this check.
 * A class that defines `initialize` can check its `init` in `routeProblem`.
 *
 * @returns the end of a message, with a remedy; `undefined` if nothing is wrong.
 */
export function initProblem(handler: SomeClass, init: object): string | undefined {
  const [name] = Object.keys(init);
  if (name === undefined) return undefined;
  if (isMember(handler)('initialize') || mayBeField(handler)('initialize')) return undefined;
  const remedy = 'options of the route, such as middleware, are the fourth element';
  return `init has ${shownText(name)}, but ${shownValue(handler)} has no method initialize to receive it; ${remedy}`;
}

function noClass(handler: unknown): string {
  const example = 'class Hello extends RequestHandler { get() { this.write("hello"); } }';
  return `the handler must be a class that extends RequestHandler, got ${shownValue(handler)}; write ${example}`;
}

function noVerb(handler: SomeClass): string {
  const capitals = verbsOf(handler).find((verb) =>
    [verb.toUpperCase(), capital(verb)].some(isMember(handler)),
  );
  const remedy =
    capitals === undefined
      ? 'define one, such as get()'
      : `methods must be named in lower case: ${capitals}()`;
  return `the handler ${shownValue(handler)} has no method for any of ${verbsOf(handler).join(', ')}; ${remedy}`;
}

/** A class with its own `prepare` may respond there, whatever the method. */
function respondsToSomething(handler: SomeClass): boolean {
  if (['prepare', ...verbsOf(handler)].some(isMember(handler))) return true;
  return verbsOf(handler).some(mayBeField(handler));
}

/** Returns the names of the class methods that handle HTTP methods. */
function verbsOf({ supportedMethods }: SomeClass): readonly string[] {
  const methods = supportedMethods ?? RequestHandler.supportedMethods;
  return [...methods.map((method) => method.toLowerCase()), 'all'];
}

/**
 * Returns a function that tells whether a class, or one between it and RequestHandler, has a member. Calls no getters.
 */
function isMember({ prototype }: SomeClass): (name: string) => boolean {
  return (name) => lineage(prototype).some((one) => Object.hasOwn(one, name));
}

/**
 * Returns a function that tells whether a class may set a property in its constructor or declare it as a field. Such
 * properties exist only on instances, and no instance is created here, so the source text is searched. If in doubt, the
 * class is accepted.
 */
function mayBeField({ prototype }: SomeClass): (name: string) => boolean {
  const text = lineage(prototype)
    .map((one) => Function.prototype.toString.call(one.constructor))
    .join('\n');
  // Whatever precedes the name, because tools such as esbuild leave out spaces and semicolons.
  return (name) => new RegExp(`(?:this\\.|(?<![\\w$.#]))${name}["'\\]]?\\s*[=,]`).test(text);
}

/** Returns the prototypes from that of a class up to, but not including, that of RequestHandler. */
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
