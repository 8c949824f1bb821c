// What the values of a template print, wherever they stand.

import { shownValue } from '@landspout/ioloop/errors';
import { isThenable } from '@landspout/ioloop/reactor';
import { WebUsageError } from '../errors.ts';
import { escapeHtml } from '../text/escape-html.ts';
import { JsonScript } from '../text/json-script.ts';
import { abandon, handleRejections } from './abandon.ts';
import { contentOf, Html } from './html-value.ts';
import {
  type AsyncPiece,
  type Content,
  cancelContent,
  isConsumed,
  type Piece,
  type Rendering,
} from './rendering.ts';

/**
 * A value of a template: text and numbers are printed, null, undefined and booleans print nothing, and the items of
 * iterables are printed one after the other. Promises and async iterables are awaited.
 */
export type HtmlValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | Html
  | JsonScript
  | URL
  | Iterable<HtmlValue>
  | AsyncIterable<HtmlValue>
  | PromiseLike<HtmlValue>;

/** How values are printed. */
export interface Printing {
  /** Whether text is escaped. If not, the result is text that still has to be escaped, and HTML is text like any other. */
  readonly isEscaped: boolean;
  /** Describes the place of the value, for error messages. */
  where(): string;
}

/**
 * Maximum number of levels of arrays, iterables and promises in one value. An array that contains itself has no end, and
 * would overflow the stack.
 */
const MAX_LEVELS = 100;

/** Collects the text of values, or the pieces if some are asynchronous. */
export class ContentBuilder {
  #text = '';
  #pieces: Piece[] | undefined;

  add(content: Content): void {
    if (typeof content === 'string') {
      this.#text += content;
      return;
    }
    for (const piece of content) {
      if (typeof piece === 'string') this.#text += piece;
      else this.addPiece(piece);
    }
  }

  addPiece(piece: AsyncPiece): void {
    this.#pieces ??= [];
    if (this.#text !== '') this.#pieces.push(this.#text);
    this.#pieces.push(piece);
    this.#text = '';
  }

  get content(): Content {
    if (this.#pieces === undefined) return this.#text;
    if (this.#text !== '') this.#pieces.push(this.#text);
    this.#text = '';
    return this.#pieces;
  }
}

/**
 * Returns what a value prints.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` if the value, or a value in it, cannot be printed.
 */
export function printed(value: unknown, printing: Printing, level = 0): Content {
  switch (typeof value) {
    case 'string':
      return printing.isEscaped ? escapeHtml(value) : value;
    case 'number':
    case 'bigint':
      return String(value);
    case 'boolean':
    case 'undefined':
      return '';
    case 'object':
      return value === null ? '' : printedObject(value, printing, level);
    default:
      throw unprintable(value, printing);
  }
}

function printedObject(value: object, printing: Printing, level: number): Content {
  if (Html.isHtml(value)) return contentOf(value);
  if (JsonScript.isJsonScript(value)) return String(value);
  if (level >= MAX_LEVELS) throw tooDeep(printing);
  if (Array.isArray(value)) return printedArray(value, printing, level);
  if (value instanceof URL) return printed(value.href, printing);
  if (isThenable(value)) return [new AwaitedValue(value, (result) => printed(result, printing, level + 1))];
  if (isAsyncIterable(value)) return [new AsyncIteration(value, printing, level)];
  if (isIterable(value) && !isMapping(value) && !ArrayBuffer.isView(value)) {
    return addItems(new ContentBuilder(), value, printing, level);
  }
  throw unprintable(value, printing);
}

function printedArray(items: readonly unknown[], printing: Printing, level: number): Content {
  let text = '';
  for (let index = 0; index < items.length; index += 1) {
    const item = items[index];
    const content = Html.isHtml(item) ? contentOf(item) : printed(item, printing, level + 1);
    if (typeof content === 'string') {
      text += content;
      continue;
    }
    const builder = new ContentBuilder();
    builder.add(text);
    builder.add(content);
    return addItems(builder, items.slice(index + 1), printing, level);
  }
  return text;
}

/** Adds what the items of an array or another iterable print. */
function addItems(
  builder: ContentBuilder,
  items: Iterable<unknown>,
  printing: Printing,
  level: number,
): Content {
  let current: unknown;
  try {
    for (const item of items) {
      current = item;
      builder.add(printed(item, printing, level + 1));
    }
  } catch (error) {
    cancelContent(builder.content);
    // An item of a generator is in no other value. What is left of an array is released with the array.
    abandon(current);
    throw error;
  }
  return builder.content;
}

/** A promise, whose rejection is handled from the start, also if the page is never rendered. */
export class AwaitedValue implements AsyncPiece {
  readonly #convert: (value: unknown) => Content;
  readonly #settled: Promise<void>;
  #outcome: { readonly value: unknown; readonly hasFailed: boolean } | undefined;
  #content: Content | undefined;

  /** @param convert - returns what the result prints. Called once. */
  constructor(promise: PromiseLike<unknown>, convert: (value: unknown) => Content) {
    this.#convert = convert;
    this.#settled = Promise.resolve(promise).then(
      (value) => {
        this.#outcome = { value, hasFailed: false };
        handleRejections(value); // it may be printed much later, or never
      },
      (error: unknown) => {
        this.#outcome = { value: error, hasFailed: true };
      },
    );
  }

  get isConsumed(): boolean {
    return this.#content !== undefined && isConsumed(this.#content);
  }

  async renderTo(rendering: Rendering): Promise<void> {
    try {
      if (this.#outcome === undefined) await rendering.wait(this.#settled);
    } catch (error) {
      this.cancel();
      throw error;
    }
    await rendering.content(this.#printed());
  }

  cancel(): void {
    void this.#settled.then(() => {
      try {
        cancelContent(this.#printed());
      } catch {
        // The page is not rendered, so no one waits for the value.
      }
    });
  }

  /** What the result prints. The promise is settled. */
  #printed(): Content {
    if (this.#outcome?.hasFailed === true) throw this.#outcome.value;
    if (this.#content !== undefined) return this.#content;
    const value = this.#outcome?.value;
    try {
      this.#content = this.#convert(value);
    } catch (error) {
      abandon(value);
      throw error;
    }
    return this.#content;
  }
}

/** Async iterables that are their own iterators, such as generators, and streams: those that were read already. */
const consumed = new WeakSet<object>();

/** An async iterable, which is read when the rendering reaches it. */
class AsyncIteration implements AsyncPiece {
  readonly #items: AsyncIterable<unknown>;
  readonly #printing: Printing;
  readonly #level: number;
  #isStarted = false;

  constructor(items: AsyncIterable<unknown>, printing: Printing, level: number) {
    this.#items = items;
    this.#printing = printing;
    this.#level = level;
  }

  get isConsumed(): boolean {
    return this.#isStarted || consumed.has(this.#items);
  }

  async renderTo(rendering: Rendering): Promise<void> {
    if (this.isConsumed) throw usageError(`${this.#printing.where()}: an async iterable was already read`);
    const iterator = this.#start();
    let next: Promise<IteratorResult<unknown>> | undefined;
    try {
      for (;;) {
        next = Promise.resolve(iterator.next());
        const { done, value } = await rendering.wait(next);
        if (done === true) return;
        await rendering.content(printed(value, this.#printing, this.#level + 1));
      }
    } catch (error) {
      close(iterator);
      // The item that cannot be printed, or one that arrives after an abort.
      next?.then((result) => abandon(result.value)).catch(() => {});
      throw error;
    }
  }

  cancel(): void {
    if (this.isConsumed) return;
    try {
      close(this.#start());
    } catch {
      // It cannot be read, so there is nothing to close.
    }
  }

  #start(): AsyncIterator<unknown> {
    this.#isStarted = true;
    const iterator = this.#items[Symbol.asyncIterator]();
    if ((iterator as unknown) === this.#items || this.#items instanceof ReadableStream)
      consumed.add(this.#items);
    return iterator;
  }
}

/** Text whose values are asynchronous, and that is printed when all of them are known. */
export class JoinedText implements AsyncPiece {
  readonly #parts: readonly Content[];
  readonly #convert: (texts: readonly string[]) => string;

  constructor(parts: readonly Content[], convert: (texts: readonly string[]) => string) {
    this.#parts = parts;
    this.#convert = convert;
  }

  get isConsumed(): boolean {
    return this.#parts.some(isConsumed);
  }

  async renderTo(rendering: Rendering): Promise<void> {
    const texts: string[] = [];
    try {
      for (const part of this.#parts) texts.push(await rendering.joined(part));
    } catch (error) {
      for (const part of this.#parts.slice(texts.length + 1)) cancelContent(part);
      throw error;
    }
    rendering.write(this.#convert(texts));
  }

  cancel(): void {
    for (const part of this.#parts) cancelContent(part);
  }
}

/** Calls `return` without waiting for it: the iterable may be stuck, and its error would hide the first. */
function close(iterator: AsyncIterator<unknown>): void {
  try {
    void Promise.resolve(iterator.return?.()).catch(() => {});
  } catch {
    // As for a rejection.
  }
}

function isAsyncIterable(value: object): value is AsyncIterable<unknown> {
  return typeof (value as { [Symbol.asyncIterator]?: unknown })[Symbol.asyncIterator] === 'function';
}

function isIterable(value: object): value is Iterable<unknown> {
  return typeof (value as { [Symbol.iterator]?: unknown })[Symbol.iterator] === 'function';
}

/** Whether the items are pairs of name and value, as of Map, URLSearchParams, Headers and FormData. */
function isMapping(value: object): boolean {
  const { entries, [Symbol.iterator]: iterator } = value as {
    entries?: unknown;
    [Symbol.iterator]?: unknown;
  };
  return entries !== undefined && entries === iterator;
}

function tooDeep(printing: Printing): WebUsageError {
  return usageError(
    `${printing.where()}: arrays, iterables and promises must have at most ${MAX_LEVELS} levels; ` +
      'does an array contain itself?',
  );
}

function unprintable(value: unknown, printing: Printing): WebUsageError {
  return usageError(`${printing.where()}: ${shownValue(value)} cannot be printed; ${remedyFor(value)}`);
}

function remedyFor(value: unknown): string {
  if (typeof value === 'function') return 'call it, and print the result';
  if (typeof value === 'symbol') return 'print its description';
  if (value instanceof Date) return 'print a text, such as date.toISOString()';
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    return 'decode the bytes first, as with new TextDecoder().decode(bytes)';
  }
  if (typeof value === 'object' && value !== null && isIterable(value)) {
    return 'print its keys or values, as with [...map.values()]';
  }
  return 'print one of its properties, or JSON.stringify(value); for data in a script, use jsonScript(value)';
}

function usageError(problem: string): WebUsageError {
  return new WebUsageError('ERR_WEB_USAGE', problem);
}
