/**
 * An object that JSON can represent, for the compiler: no promise, function, Map, Set, other iterable or buffer, whose
 * JSON nobody ever wants. Interfaces, classes and literals of any members are accepted; so is one with `toJSON`. What the
 * members are is not looked at.
 */
export type JsonObject = ObjectLiteral | (object & NoOtherThing);

/** What literals and type aliases are assignable to; an interface is not, for want of an index signature. */
interface ObjectLiteral {
  readonly [name: string]: unknown;
  readonly then?: never;
}

/** Members that the things have which are objects and not data. */
interface NoOtherThing {
  readonly then?: never;
  /** Arrays, Maps, Sets and generators. */
  readonly [Symbol.iterator]?: never;
  readonly [Symbol.asyncIterator]?: never;
  /** Buffers and what they are made of, Blobs, weak collections. */
  readonly [Symbol.toStringTag]?: never;
  /** Functions and classes. */
  readonly [Symbol.hasInstance]?: never;
}

/**
 * The JSON text of an object or array; `undefined` for anything that has none, or only an empty one that nobody wants, as
 * promises and collections do. Throws what `JSON.stringify` throws, at a circle or a bigint.
 */
export function jsonText(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer)
    return undefined;
  if (value instanceof Map || value instanceof Set || value instanceof Blob) return undefined;
  if (typeof (value as { then?: unknown }).then === 'function') return undefined;
  return JSON.stringify(value) as string | undefined;
}
