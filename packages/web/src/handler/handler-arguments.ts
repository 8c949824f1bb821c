import { type OptionNames, optionsProblem } from '@landspout/ioloop/errors';
import { HTTPError, MissingArgumentError, WebUsageError } from '../errors.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import type { Arguments } from '../request/url-encoding.ts';
import type { HandlerContext } from './handler-context.ts';

export interface ArgumentOptions {
  /** Whether white space at both ends of a value is dropped. Default true. */
  readonly strip?: boolean;
}

const ARGUMENT_OPTIONS: OptionNames<ArgumentOptions> = { strip: true };

/** What stands behind the name in a call for one argument. Without a fallback, the argument must be there. */
type SingleRest<Fallback> = [fallback?: Fallback, options?: ArgumentOptions];

/** Controls that no text field has; tabs and line ends stay. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is to be found.
const CONTROLS = /[\u0000-\u0008\u000e-\u001f]/g;
const NO_OPTIONS: ArgumentOptions = Object.freeze({});

/** How a handler reads its request: the part of `RequestHandler` for arguments and bodies. */
export abstract class HandlerArguments {
  readonly request: HTTPServerRequest;

  constructor(context: HandlerContext) {
    this.request = context.request;
  }

  /**
   * The last value of an argument, from the body or else the query.
   *
   * @param rest - what stands for a missing argument, and options.
   * @throws MissingArgumentError `ERR_WEB_MISSING_ARGUMENT` (400) when it is missing and there is no fallback.
   * @throws HTTPError 400 for a query or form that cannot be, such as one with a broken escape.
   */
  getArgument<Fallback = never>(name: string, ...rest: SingleRest<Fallback>): string | Fallback {
    return this.#last(this.request.arguments, name, rest);
  }

  /** As {@link getArgument}, of the query only. */
  getQueryArgument<Fallback = never>(name: string, ...rest: SingleRest<Fallback>): string | Fallback {
    return this.#last(this.request.queryArguments, name, rest);
  }

  /** As {@link getArgument}, of an urlencoded body only. */
  getBodyArgument<Fallback = never>(name: string, ...rest: SingleRest<Fallback>): string | Fallback {
    return this.#last(this.request.bodyArguments, name, rest);
  }

  /** Every value of an argument, those of the query first; none where it is missing. */
  getArguments(name: string, options?: ArgumentOptions): string[] {
    return this.#every(this.request.arguments, name, options);
  }

  /** As {@link getArguments}, of the query only. */
  getQueryArguments(name: string, options?: ArgumentOptions): string[] {
    return this.#every(this.request.queryArguments, name, options);
  }

  /** As {@link getArguments}, of an urlencoded body only. */
  getBodyArguments(name: string, options?: ArgumentOptions): string[] {
    return this.#every(this.request.bodyArguments, name, options);
  }

  /**
   * The body as JSON, whatever its Content-Type says. A `__proto__` in it is a plain property.
   *
   * @throws HTTPError 400 where it is none.
   */
  getJsonBody(): unknown {
    try {
      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(this.request.body));
    } catch (cause) {
      throw new HTTPError(400, 'a JSON body was expected', { cause });
    }
  }

  /** Has the last word on each value, before it is stripped: makes controls spaces. Override to check values. */
  decodeArgument(value: string, _name: string): string {
    return value.replace(CONTROLS, ' ');
  }

  #last<Fallback>(from: Arguments, name: string, rest: SingleRest<Fallback>): string | Fallback {
    if (rest[1] !== undefined) requireOptions(name, rest[1]);
    const value = from.get(name)?.at(-1);
    if (value !== undefined) return this.#finished(value, name, rest[1] ?? NO_OPTIONS);
    if (rest.length === 0) throw new MissingArgumentError(name);
    return rest[0] as Fallback;
  }

  #every(from: Arguments, name: string, options: ArgumentOptions = NO_OPTIONS): string[] {
    // A fallback in this place is an easy mistake, since the singular form takes one.
    if (options !== NO_OPTIONS) requireOptions(name, options);
    return (from.get(name) ?? []).map((value) => this.#finished(value, name, options));
  }

  #finished(value: string, name: string, options: ArgumentOptions): string {
    const decoded = this.decodeArgument(value, name);
    return options.strip === false ? decoded : decoded.trim();
  }
}

function requireOptions(name: string, options: ArgumentOptions): void {
  const problem = optionsProblem(options, ARGUMENT_OPTIONS);
  if (problem !== undefined) throw new WebUsageError('ERR_WEB_USAGE', `argument ${name}: ${problem}`);
}
