// Promises in values that are not printed: their rejections must not end the process.

import { isThenable } from '@landspout/ioloop/reactor';
import { contentOf, Html } from './html-value.ts';
import { cancelContent } from './rendering.ts';

/** Maximum number of promises one after the other: a promise of an array with a promise, and so on. */
const MAX_PROMISES = 100;

/** The iterators of arrays, sets and maps: reading them runs no code of the program, and ends. */
const BUILT_IN_ITERATORS: ReadonlySet<unknown> = new Set(
  [[].values(), new Set().values(), new Map().values()].map((iterator) => Object.getPrototypeOf(iterator)),
);

/**
 * Releases a value that is not printed because of an error, with all values in it: later rejections of promises are
 * ignored, and HTML is cancelled. Iterables of the program are not read. Never throws.
 */
export function abandon(value: unknown): void {
  new Visit('release').value(value, 0);
}

/**
 * Prevents unhandled rejections of the promises in a value that is printed later, or never. Thenables of the program are
 * left alone, since calling `then` may start their work. Never throws.
 */
export function handleRejections(value: unknown): void {
  if (typeof value === 'object' && value !== null) new Visit('handle').value(value, 0);
}

/** Visits the values in a value, each once: an array may contain itself. */
class Visit {
  readonly #purpose: 'release' | 'handle';
  readonly #seen = new Set<object>();

  constructor(purpose: 'release' | 'handle') {
    this.#purpose = purpose;
  }

  /** @param promises - how many promises had to be awaited for the value. */
  value(value: unknown, promises: number): void {
    const pending: object[] = [];
    this.#add(value, pending);
    // Ends: each object is added once. No recursion, since arrays may be nested deeply.
    for (const object of pending) {
      try {
        this.#object(object, pending, promises);
      } catch {
        // Code of the program, such as a getter, that throws. There is nothing to release.
      }
    }
  }

  #add(value: unknown, pending: object[]): void {
    const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
    if (!isObject || this.#seen.has(value)) return;
    this.#seen.add(value);
    pending.push(value);
  }

  #object(object: object, pending: object[], promises: number): void {
    const isReleased = this.#purpose === 'release';
    if (Html.isHtml(object)) {
      if (isReleased) cancelContent(contentOf(object));
    } else if (isCollection(object) || (isReleased && isBuiltInIterator(object))) {
      for (const item of object) this.#add(item, pending);
    } else if (object instanceof Promise || (isReleased && isThenable(object))) {
      const settled = Promise.resolve(object);
      if (promises >= MAX_PROMISES) settled.catch(() => {});
      else void settled.then((result) => this.value(result, promises + 1)).catch(() => {});
    }
  }
}

function isCollection(object: object): object is Iterable<unknown> {
  return Array.isArray(object) || object instanceof Set;
}

function isBuiltInIterator(object: object): object is Iterable<unknown> {
  return BUILT_IN_ITERATORS.has(Object.getPrototypeOf(object));
}
