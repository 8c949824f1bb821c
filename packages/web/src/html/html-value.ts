// The class of HTML that templates made.

import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { WebUsageError, webChecks } from '../errors.ts';
import {
  type Content,
  cancelContent,
  type HtmlSink,
  isConsumed,
  Rendering,
  type RenderOptions,
} from './rendering.ts';

/** Only this file has it, so that no other code can make an instance. */
const KEY = Symbol('Html');

const RENDER_OPTIONS: OptionNames<RenderOptions> = { signal: true };

/** Makes HTML of content that is safe. */
export let makeHtml: (content: Content) => Html;
/** The content of HTML. */
export let contentOf: (html: Html) => Content;

/**
 * HTML that was made by `html` or `unsafeHtml`: it is written without being escaped, and can be a value of another
 * template. Every other object is refused there, also if it has the same properties.
 *
 * If one of its values is a promise or an async iterable, the HTML is asynchronous: {@link toString} throws, and
 * {@link renderTo} or {@link toPromise} wait for the values.
 */
export class Html {
  static {
    makeHtml = (content) => new Html(KEY, content);
    contentOf = (html) => html.#content;
  }

  readonly #content: Content;

  /** @internal Programs call `html` or `unsafeHtml`. */
  constructor(key: symbol, content: Content) {
    if (key !== KEY)
      throw webChecks.wrong('Html', 'the tag html or the function unsafeHtml', 'a constructor call');
    this.#content = content;
  }

  /** Whether `value` is HTML that was made by `html` or `unsafeHtml`. */
  static isHtml(value: unknown): value is Html {
    return typeof value === 'object' && value !== null && #content in value;
  }

  /** Whether a value has to be waited for. */
  get isAsync(): boolean {
    return typeof this.#content !== 'string';
  }

  /**
   * Returns the markup.
   *
   * @throws WebUsageError `ERR_WEB_USAGE` if a value is asynchronous.
   */
  toString(): string {
    if (typeof this.#content === 'string') return this.#content;
    throw new WebUsageError(
      'ERR_WEB_USAGE',
      'Html: the text of HTML with asynchronous values is not known yet; await toPromise(), or pass the HTML to ' +
        'write, finish or render',
    );
  }

  /** The markup, in JSON. @throws WebUsageError `ERR_WEB_USAGE` if a value is asynchronous. */
  toJSON(): string {
    return this.toString();
  }

  /**
   * Waits for all values, and returns the markup.
   *
   * @throws the error of a value that rejects, or the reason of `signal`; WebUsageError `ERR_WEB_USAGE` as in
   *   {@link renderTo}.
   */
  async toPromise(options: RenderOptions = {}): Promise<string> {
    let text = '';
    const sink: HtmlSink = {
      write(more) {
        text += more;
      },
      flush() {},
    };
    await this.renderTo(sink, options);
    return text;
  }

  /**
   * Writes the markup in pieces: text and values in order, and all that is known before each wait. If a value rejects,
   * `flush` throws or rejects, or `signal` aborts, nothing more is written, and the async iterables that are not
   * complete are closed with `return`.
   *
   * HTML with promises can be rendered repeatedly, HTML with async iterables only once.
   *
   * @returns a promise that resolves after the last piece was written. It is not flushed.
   * @throws the error of a value that rejects, what `write` or `flush` throws, or the reason of `signal`; WebUsageError
   *   `ERR_WEB_USAGE` if an async iterable in the HTML was already read, or if a value is of a type that cannot be
   *   printed.
   */
  async renderTo(sink: HtmlSink, options: RenderOptions = {}): Promise<void> {
    webChecks.withMethods('renderTo', 'a sink', sink, 'write', 'flush');
    webChecks.options('renderTo', options, RENDER_OPTIONS);
    webChecks.signal('renderTo', options.signal);
    if (isConsumed(this.#content)) {
      throw new WebUsageError(
        'ERR_WEB_USAGE',
        'Html: HTML with an async iterable can be rendered only once; call the template again, or keep the result of ' +
          'toPromise()',
      );
    }
    await new Rendering(sink, options.signal).run(this.#content);
  }

  /**
   * Closes the async iterables in HTML that will not be rendered. Errors of its values are ignored; promises that reject
   * do not need it. Does nothing if nothing is asynchronous.
   */
  cancel(): void {
    cancelContent(this.#content);
  }

  [INSPECT](): object {
    const content = this.#content;
    return inspection(this, ['isAsync'], () => ({
      chars: typeof content === 'string' ? content.length : undefined,
    }));
  }
}
