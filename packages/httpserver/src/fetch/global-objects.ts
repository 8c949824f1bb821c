import type { Logger } from '@landspout/ioloop';
import { FetchRequest } from './fetch-request.ts';
import { LightResponse } from './light-response.ts';
import { NativeResponse } from './native-objects.ts';

type Replaced = 'Response' | 'Request' | 'fetch';

/** What was there before, and what was put in its place, while the replacements are installed. */
interface Replacement {
  readonly name: Replaced;
  readonly previous: PropertyDescriptor;
  readonly value: unknown;
}

let replacements: Replacement[] = [];
let installations = 0;

/** The same class replaces the same class each time, so that what was derived from it stays valid. */
const unwrappingRequests = new WeakMap<typeof Request, typeof Request>();

/** Whether the replacements are the globals now. */
export function globalObjectsAreReplaced(): boolean {
  return installations > 0;
}

/**
 * Replaces the globals `Response`, `Request` and `fetch`: `Response` by the light class, the others by ones that accept
 * the requests of a FetchContainer on every version of Node, and call what was there before, such as a `fetch` that a
 * tracer or a test has installed. A `Response` that is not the class of Node is not replaced.
 *
 * May be called several times; the previous globals return when every call was undone, except one that other code has
 * replaced in the meantime.
 *
 * @param logger - gets a record if `Response` is not replaced.
 * @returns a function that undoes this call. Does nothing when called again.
 */
export function installGlobalObjects(logger?: Logger): () => void {
  installations += 1;
  if (installations === 1) replaceAll(logger);
  let isUndone = false;
  return () => {
    if (isUndone) return;
    isUndone = true;
    installations -= 1;
    if (installations === 0) restoreAll();
  };
}

function replaceAll(logger: Logger | undefined): void {
  if (globalThis.Response === NativeResponse) replace('Response', LightResponse);
  else logger?.debug({}, 'the global Response is not that of Node, and is not replaced by the light class');
  replace('Request', unwrappingRequest(globalThis.Request));
  replace('fetch', unwrappingFetch(globalThis.fetch));
}

function replace(name: Replaced, value: unknown): void {
  const previous = Object.getOwnPropertyDescriptor(globalThis, name);
  if (previous === undefined) return;
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  replacements.push({ name, previous, value });
}

function restoreAll(): void {
  for (const { name, previous, value } of replacements) {
    if (Reflect.get(globalThis, name) === value) Object.defineProperty(globalThis, name, previous);
  }
  replacements = [];
}

/** Returns a `Request` that accepts our requests where `found` does not: the same class otherwise, with the same prototype. */
function unwrappingRequest(found: typeof Request): typeof Request {
  let made = unwrappingRequests.get(found);
  if (made === undefined) {
    made = new Proxy(found, {
      construct(target, [input, init, ...rest]: unknown[], newTarget): object {
        const maker = (newTarget as unknown) === made ? target : newTarget;
        const copy = Reflect.construct(target, [FetchRequest.unwrap(input), init, ...rest], maker) as object;
        // `new Request(url, request)` is how frameworks change the URL of a request.
        for (const one of [input, init]) FetchRequest.rememberCopy(copy, one);
        return copy;
      },
    });
    unwrappingRequests.set(found, made);
  }
  return made;
}

/** Returns a `fetch` that accepts our requests where `found` does not, with the same properties. */
function unwrappingFetch(found: typeof fetch): typeof fetch {
  return new Proxy(found, {
    apply: (target, self, [input, ...rest]: unknown[]): unknown =>
      Reflect.apply(target, self, [FetchRequest.unwrap(input), ...rest]),
  });
}
