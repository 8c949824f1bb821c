/**
 * The type of an object that JSON can represent. Promises, functions, Maps, Sets, other iterables and buffers are
 * excluded, because their JSON is meaningless. Interfaces, classes and literals with any members, including `toJSON`,
 * are accepted. The types of the members are not checked.
 */
export type JsonObject = ObjectLiteral | (object & NoOtherThing);

/** Accepts literals and type aliases. An interface is not assignable to it, because it has no index signature. */
interface ObjectLiteral {
  readonly [name: string]: unknown;
  readonly then?: never;
}

/** Excludes objects that are not data, by their members. */
interface NoOtherThing {
  readonly then?: never;
  /** Arrays, Maps, Sets and generators. */
  readonly [Symbol.iterator]?: never;
  readonly [Symbol.asyncIterator]?: never;
  /** Buffers, typed arrays, ArrayBuffers, Blobs, weak collections. */
  readonly [Symbol.toStringTag]?: never;
  /** Functions and classes. */
  readonly [Symbol.hasInstance]?: never;
}

/**
 * Returns the JSON text of an object or array; `undefined` for anything else, and for objects whose JSON would be
 * meaningless, such as promises and collections. Throws the error of `JSON.stringify` for a cycle or a bigint.
 */
export function jsonText(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer)
    return undefined;
  if (value instanceof Map || value instanceof Set || value instanceof Blob) return undefined;
  if (typeof (value as { then?: unknown }).then === 'function') return undefined;
  return JSON.stringify(value) as string | undefined;
}
