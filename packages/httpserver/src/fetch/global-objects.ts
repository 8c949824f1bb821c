import { FetchRequest } from './fetch-request.ts';
import { LightResponse } from './light-response.ts';
import { NativeRequest } from './native-objects.ts';

/** `Request` that accepts our requests where Node's does not: the same class otherwise, with the same prototype. */
const UnwrappingRequest = new Proxy(NativeRequest, {
  construct(target, [input, init, ...rest]: unknown[], newTarget): object {
    const maker = (newTarget as unknown) === UnwrappingRequest ? target : newTarget;
    const made = Reflect.construct(target, [FetchRequest.unwrap(input), init, ...rest], maker) as object;
    // `new Request(url, request)` is how frameworks change the URL of a request.
    for (const one of [input, init]) FetchRequest.rememberCopy(made, one);
    return made;
  },
});

const nativeFetch = globalThis.fetch;

function fetchUnwrapping(
  this: unknown,
  input: Parameters<typeof fetch>[0],
  init?: RequestInit,
): Promise<Response> {
  return nativeFetch(FetchRequest.unwrap(input) as Parameters<typeof fetch>[0], init);
}
Object.defineProperty(fetchUnwrapping, 'name', { value: 'fetch' });

const REPLACEMENTS: Readonly<Record<string, unknown>> = {
  Response: LightResponse,
  Request: UnwrappingRequest,
  fetch: fetchUnwrapping,
};

/** What was there before, while the replacements are installed. */
let replaced: Record<string, PropertyDescriptor | undefined> | undefined;
let installations = 0;

/** Whether the replacements are the globals now. */
export function globalObjectsAreReplaced(): boolean {
  return installations > 0;
}

/**
 * Replaces the globals `Response`, `Request` and `fetch`: `Response` by the light class, the others by ones that accept
 * the requests of a FetchContainer on every version of Node. May be called several times; the previous globals return
 * when every call was undone, except one that other code has replaced in the meantime.
 *
 * @returns a function that undoes this call. Does nothing when called again.
 */
export function installGlobalObjects(): () => void {
  installations += 1;
  if (installations === 1) replace();
  let isUndone = false;
  return () => {
    if (isUndone) return;
    isUndone = true;
    installations -= 1;
    if (installations === 0) restore();
  };
}

function replace(): void {
  replaced = {};
  for (const [name, value] of Object.entries(REPLACEMENTS)) {
    replaced[name] = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  }
}

function restore(): void {
  for (const [name, value] of Object.entries(REPLACEMENTS)) {
    const previous = replaced?.[name];
    if (previous === undefined || Reflect.get(globalThis, name) !== value) continue;
    Object.defineProperty(globalThis, name, previous);
  }
  replaced = undefined;
}
