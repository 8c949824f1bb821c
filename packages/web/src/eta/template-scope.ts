import { errorOf } from '@landspout/ioloop/errors';
import { isThenable } from '@landspout/ioloop/reactor';
import { disown, Finish, HTTPError } from '../errors.ts';
import { unsafeHtml } from '../html/html.ts';
import type { Html } from '../html/html-value.ts';
import { extended } from '../templates/namespace.ts';
import { TemplateError, type TemplatePlace } from '../templates/template-error.ts';
import { escapeHtml } from '../text/escape-html.ts';
import { jsonScript } from '../text/json-script.ts';
import { escapedText, rawText } from './printed-value.ts';

/** A function made of a template. What it returns is ignored: the result is in the scope. */
export type TemplateFunction = (namespace: object, scope: TemplateScope) => unknown;

/** A template that can run. */
export interface CompiledTemplate {
  /** The path below the views folder. */
  readonly name: string;
  /** The absolute path; undefined if the template was precompiled. */
  readonly file: string | undefined;
  readonly isAsync: boolean;
  readonly run: TemplateFunction;
  /** Finds the exact line in the stack of an error; undefined if it is not there. */
  readonly lineIn: ((error: Error) => number | undefined) | undefined;
}

/** Where a scope gets its templates and functions from. */
export interface TemplateSet {
  readonly functions: Readonly<Record<string, unknown>>;
  /** How deep templates may be nested. */
  readonly maxDepth: number;
  /** @throws TemplateError `ERR_WEB_TEMPLATE`. */
  find(name: unknown, from?: string): CompiledTemplate;
}

type ScopeMethod =
  | 'include'
  | 'includeAsync'
  | 'layout'
  | 'block'
  | 'blockAsync'
  | 'capture'
  | 'captureAsync';

/** A function in a template whose output is captured, such as the content of a block. */
type Content = () => unknown;

/** The blocks that the templates below a layout define, by name. Those of the most derived template are used. */
type Blocks = Map<unknown, Html>;

/** Renders a template with everything that it includes, and its layouts. */
export function renderTemplate(
  set: TemplateSet,
  template: CompiledTemplate,
  namespace: object,
  depth = 1,
  blocks?: Blocks,
): string | Promise<string> {
  const scope = new TemplateScope(set, template, depth, blocks);
  try {
    const running = template.run(namespace, scope);
    if (template.isAsync) return settle(scope, namespace, running);
    const text = scope.end(namespace);
    return typeof text === 'string' ? text : settle(scope, namespace, undefined, text);
  } catch (thrown) {
    throw scope.failure(thrown);
  }
}

async function settle(
  scope: TemplateScope,
  namespace: object,
  running: unknown,
  text?: Promise<string>,
): Promise<string> {
  try {
    await running;
    return await (text ?? scope.end(namespace));
  } catch (thrown) {
    throw scope.failure(thrown);
  }
}

/** The state of one template while it is rendered: what the generated code calls as `$eta`. */
export class TemplateScope {
  /** What the template has printed. */
  out = '';
  /** The line of the current tag. */
  line = 0;
  readonly escapeHtml: typeof escapeHtml = escapeHtml;
  readonly jsonScript: typeof jsonScript = jsonScript;
  readonly unsafeHtml: typeof unsafeHtml = unsafeHtml;
  readonly functions: TemplateSet['functions'];
  readonly #set: TemplateSet;
  readonly #template: CompiledTemplate;
  readonly #depth: number;
  #blocks: Blocks | undefined;
  #layout: { readonly name: unknown; readonly data: object | undefined; readonly line: number } | undefined;
  /** The number of captures that have not ended. */
  #captures = 0;
  #isInLayout = false;

  constructor(set: TemplateSet, template: CompiledTemplate, depth: number, blocks: Blocks | undefined) {
    this.functions = set.functions;
    this.#set = set;
    this.#template = template;
    this.#depth = depth;
    this.#blocks = blocks;
  }

  at(line: number): this {
    this.line = line;
    return this;
  }

  /** Prints a value, escaped. Its value is evaluated before `out` is read, so that an `await` in it loses no output. */
  set text(value: unknown) {
    this.out += escapedText(value);
  }

  /** Prints a value as it is. */
  set raw(value: unknown) {
    this.out += rawText(value);
  }

  /** Makes a function of a method. It is made here because a frame of the template's file would hide the tag's line. */
  bound(method: ScopeMethod, namespace: object): (first: never, second: never) => unknown {
    return (first, second) => this[method](first, second, namespace);
  }

  /** Renders another template, which sees the namespace of this one and `data`. */
  include(name: unknown, data: object | undefined, namespace: object): Html {
    const template = this.#find(name);
    const text = template.isAsync ? undefined : this.#render(template, data, namespace);
    if (typeof text === 'string') return unsafeHtml(text);
    disown(text);
    throw new TypeError(
      `include: ${template.name} or its layout is asynchronous: write await includeAsync instead of include`,
    );
  }

  /** Like {@link include}, for templates that contain `await`, and for others. */
  includeAsync(name: unknown, data: object | undefined, namespace: object): Promise<Html> {
    return handled(this.#includeAsync(name, data, namespace));
  }

  /** Makes another template the layout of this one, which prints this one's output as `it.body`, and its blocks. */
  layout(name: unknown, data?: object): void {
    requireData('layout', data);
    this.#layout = { name, data, line: this.line };
  }

  /**
   * Defines a block in a template that has a layout, or prints one in a template that has none, or inside another
   * block. The definition in the most derived template is used, and the others are not evaluated.
   */
  block(name: unknown, content?: Content): Html {
    const given = this.#blocks?.get(name);
    if (given !== undefined) return this.#shown(given);
    if (content === undefined) return EMPTY;
    return this.#define(name, this.capture(content));
  }

  /** Like {@link block}, for content that contains `await`. */
  blockAsync(name: unknown, content?: Content): Promise<Html> {
    return handled(this.#blockAsync(name, content));
  }

  /** Returns what `content` prints, instead of printing it. */
  capture(content: Content): Html {
    requireContent('capture', content);
    const outer = this.#startCapture();
    try {
      const result = content();
      if (isThenable(result)) {
        disown(result);
        throw new TypeError('the content is asynchronous: write await captureAsync or await blockAsync');
      }
      return unsafeHtml(this.out);
    } finally {
      this.#endCapture(outer);
    }
  }

  /** Like {@link capture}, for content that contains `await`. */
  captureAsync(content: Content): Promise<Html> {
    return handled(this.#captureAsync(content));
  }

  /** Ends the template: returns what it printed, or what its layout makes of it. */
  end(namespace: object): string | Promise<string> {
    if (this.#captures > 0) throw new TypeError('a call of captureAsync or blockAsync was not awaited');
    const layout = this.#layout;
    if (layout === undefined) return this.out;
    this.#isInLayout = true;
    this.line = layout.line;
    const template = this.#find(layout.name);
    const body = extended(namespace, { body: unsafeHtml(this.out), ...layout.data });
    return renderTemplate(this.#set, template, body, this.#depth + 1, this.#blocks);
  }

  /** Adds the place to what was thrown. Refusals of requests keep their meaning for the application. */
  failure(thrown: unknown): unknown {
    const error = errorOf(thrown);
    if (error instanceof HTTPError || error instanceof Finish) return error;
    const place = this.#place(error);
    if (!(error instanceof TemplateError)) return TemplateError.wrap(error, place);
    // A template that was not found has no place of its own.
    if (error.template === undefined) return new TemplateError(error.problem, { place, cause: error.cause });
    return error.calledFrom({ ...place, relation: this.#isInLayout ? 'layout' : 'include' });
  }

  #place(error: Error): TemplatePlace {
    const { name, file, lineIn } = this.#template;
    const exact = this.#isInLayout || error instanceof TemplateError ? undefined : lineIn?.(error);
    const line = exact ?? this.line;
    return { template: name, file, line: line === 0 ? undefined : line };
  }

  #find(name: unknown): CompiledTemplate {
    if (this.#depth >= this.#set.maxDepth) {
      throw new TemplateError(
        `templates are nested more than ${this.#set.maxDepth} levels deep: does one include itself?`,
      );
    }
    return this.#set.find(name, this.#template.name);
  }

  #render(template: CompiledTemplate, data: object | undefined, namespace: object): string | Promise<string> {
    requireData('include', data);
    const inner = data === undefined ? namespace : extended(namespace, data);
    return renderTemplate(this.#set, template, inner, this.#depth + 1);
  }

  async #includeAsync(name: unknown, data: object | undefined, namespace: object): Promise<Html> {
    return unsafeHtml(await this.#render(this.#find(name), data, namespace));
  }

  async #blockAsync(name: unknown, content?: Content): Promise<Html> {
    const given = this.#blocks?.get(name);
    if (given !== undefined) return this.#shown(given);
    if (content === undefined) return EMPTY;
    return this.#define(name, await this.#captureAsync(content));
  }

  async #captureAsync(content: Content): Promise<Html> {
    requireContent('captureAsync', content);
    const outer = this.#startCapture();
    const depth = this.#captures;
    try {
      await content();
      if (this.#captures !== depth) {
        throw new TypeError('captureAsync and blockAsync overlap: await each call before the next');
      }
      return unsafeHtml(this.out);
    } finally {
      this.#endCapture(outer);
    }
  }

  #startCapture(): string {
    const outer = this.out;
    this.out = '';
    this.#captures += 1;
    return outer;
  }

  #endCapture(outer: string): void {
    this.out = outer;
    this.#captures -= 1;
  }

  #define(name: unknown, content: Html): Html {
    if (this.#layout === undefined) return content;
    this.#blocks ??= new Map();
    this.#blocks.set(name, content);
    return this.#shown(content);
  }

  /** In a template with a layout, a block is printed by the layout, or by the block around it. */
  #shown(content: Html): Html {
    return this.#layout === undefined || this.#captures > 0 ? content : EMPTY;
  }
}

const EMPTY: Html = unsafeHtml('');

/** A rejection is reported where the promise is awaited; if the template forgets to, it must not end the process. */
function handled<T>(promise: Promise<T>): Promise<T> {
  disown(promise);
  return promise;
}

function requireData(operation: string, data: unknown): void {
  if (data === undefined || (typeof data === 'object' && data !== null && !isThenable(data))) return;
  throw new TypeError(`${operation}: the data must be an object`);
}

function requireContent(operation: string, content: unknown): void {
  if (typeof content !== 'function') throw new TypeError(`${operation}: the content must be a function`);
}
