// The fetch/ folder serves Fetch handlers: the request that they are called with, the responses that they return, and the
// reverse, a delegate as a Fetch handler.

import { Readable } from 'node:stream';

/** What `new Response` accepts as a body. */
export type FetchBody = ConstructorParameters<typeof Response>[0];

/** The classes of Node, as they are before any program replaces the globals. */
export const NativeRequest: typeof Request = globalThis.Request;
export const NativeResponse: typeof Response = globalThis.Response;
export const NativeHeaders: typeof Headers = globalThis.Headers;

const REQUEST_SYMBOLS = Object.getOwnPropertySymbols(new NativeRequest('http://localhost/'));
const RESPONSE_SYMBOLS = Object.getOwnPropertySymbols(new NativeResponse());

/**
 * Whether Node (20 and 22) keeps the state of a Request in properties whose names are symbols. An object that has such
 * properties is then accepted by `fetch` and by `new Request`. Later versions use private fields.
 */
export const REQUEST_STATE_IS_VISIBLE = REQUEST_SYMBOLS.length > 0;

const RESPONSE_STATE = RESPONSE_SYMBOLS.find((symbol) => symbol.description === 'state');

/**
 * Makes `prototype` inherit from a class of Node. Properties of that class that `prototype` lacks, and those in which
 * Node keeps the state of a Request, are read from the native object that `realOf` returns.
 */
export function inheritFrom<T extends object>(
  prototype: object,
  native: abstract new (...args: never[]) => T,
  realOf: (instance: never) => T,
  stateSymbols: readonly symbol[] = [],
): void {
  const parent = native.prototype as T;
  for (const name of [...Reflect.ownKeys(parent), ...stateSymbols]) {
    if (Object.hasOwn(prototype, name) || name === Symbol.toStringTag || isInspection(name)) continue;
    Object.defineProperty(prototype, name, {
      configurable: true,
      get(this: never) {
        const real = realOf(this);
        const value: unknown = Reflect.get(real, name, real);
        return typeof value === 'function' && Object.hasOwn(parent, name) ? value.bind(real) : value;
      },
    });
  }
  // The class is that of Node for code that looks at `constructor`.
  Reflect.deleteProperty(prototype, 'constructor');
  Object.setPrototypeOf(prototype, parent);
}

function isInspection(name: string | symbol): boolean {
  return typeof name === 'symbol' && name.description === 'nodejs.util.inspect.custom';
}

/** The properties in which Node keeps the state of a Request; none if it uses private fields. */
export const requestStateSymbols: readonly symbol[] = REQUEST_SYMBOLS;

/**
 * Returns the text or bytes of which a native Response was made, if Node shows them: reading the body as a stream takes
 * several times as long.
 *
 * @returns null if the response has no body; undefined if the body has to be read as a stream.
 */
export function nativeBodySource(response: Response): string | Uint8Array | null | undefined {
  if (RESPONSE_STATE === undefined) return response.body === null ? null : undefined;
  const state = (response as unknown as Record<symbol, NativeState | undefined>)[RESPONSE_STATE];
  if (state?.body === undefined || state.body === null) return response.body === null ? null : undefined;
  const { source } = state.body;
  // Reading the stream, which `clone` does, detaches the bytes, whose length is then 0.
  if (source instanceof Uint8Array) return source.length > 0 ? source : undefined;
  return typeof source === 'string' ? source : undefined;
}

interface NativeState {
  readonly body?: { readonly source?: unknown } | null;
}

/** Whether something was read from the stream, or it was cancelled. */
export function isDisturbed(stream: ReadableStream): boolean {
  return Readable.isDisturbed(stream as unknown as NodeJS.ReadableStream);
}
