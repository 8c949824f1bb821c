import { type OptionNames, shownText, shownValue } from '@landspout/ioloop/errors';
import { WebUsageError, webChecks } from '../errors.ts';
import type { ParserConfig } from './load-eta.ts';

/** White space in the text of templates; see {@link EtaSyntax.whitespace}. */
export type TemplateWhitespace = 'all' | 'single' | 'oneline';

type Trim = 'nl' | 'slurp' | false;

/** How templates are written. The names and defaults of the first three are those of Eta. */
export interface EtaSyntax {
  /** The delimiters of a tag. Default: `['<%', '%>']`. */
  readonly tags?: readonly [open: string, close: string];
  /**
   * What is removed from the text before and after each tag: `'nl'` one line break, `'slurp'` all white space, `false`
   * nothing. Tags override it: `<%_ _%>` removes white space, `<%- -%>` one line break. Default: `[false, 'nl']`.
   */
  readonly autoTrim?: Trim | readonly [before: Trim, after: Trim];
  /** The name of the namespace in templates. Default: `it`. */
  readonly varName?: string;
  /**
   * The white space in text: `'all'` keeps it, `'single'` replaces each run with one line break or one space,
   * `'oneline'` replaces each run with one space. Templates that contain `<pre` or `<textarea` are left alone. Default:
   * `'all'`.
   */
  readonly whitespace?: TemplateWhitespace;
  /**
   * Endings of the names of templates that are not HTML, such as `.txt.eta`: values are not escaped in them. Default:
   * none.
   */
  readonly plainText?: readonly string[];
}

/** The checked options that determine the code of a template. */
export interface CompileOptions extends ParserConfig {
  readonly varName: string;
  readonly whitespace: TemplateWhitespace;
  readonly plainText: readonly string[];
  /** The names of the program's functions, which templates call by these names. */
  readonly functions: readonly string[];
}

export const ETA_SYNTAX: OptionNames<EtaSyntax> = {
  tags: true,
  autoTrim: true,
  varName: true,
  whitespace: true,
  plainText: true,
};

/** The functions that templates call by their names alone, and the code that gets them from the scope. */
export const SCOPE_FUNCTIONS: Readonly<Record<string, string>> = {
  __proto__: null as never,
  include: "$eta.bound('include',%)",
  includeAsync: "$eta.bound('includeAsync',%)",
  layout: "$eta.bound('layout',%)",
  block: "$eta.bound('block',%)",
  blockAsync: "$eta.bound('blockAsync',%)",
  capture: "$eta.bound('capture',%)",
  captureAsync: "$eta.bound('captureAsync',%)",
  escapeHtml: '$eta.escapeHtml',
  jsonScript: '$eta.jsonScript',
  unsafeHtml: '$eta.unsafeHtml',
};

const PREFIXES: ParserConfig['parse'] = { exec: '', interpolate: '=', raw: '~' };
const TRIMS: readonly Trim[] = ['nl', 'slurp', false];
const WHITESPACES: readonly TemplateWhitespace[] = ['all', 'single', 'oneline'];
/** Names in templates; those of the generated code start with `$`. */
const IDENTIFIER = /^[A-Za-z_][\w$]*$/;
/** The reserved words of JavaScript in strict mode. */
const RESERVED = new Set(
  `arguments await break case catch class const continue debugger default delete do else enum eval export extends
  false finally for function if implements import in instanceof interface let new null package private protected
  public return static super switch this throw true try typeof undefined var void while with yield`.split(
    /\s+/,
  ),
);

/** @throws WebUsageError `ERR_WEB_USAGE` if an option is invalid. */
export function compileOptionsOf(
  operation: string,
  {
    tags = ['<%', '%>'],
    autoTrim = [false, 'nl'],
    varName = 'it',
    whitespace = 'all',
    plainText = [],
  }: EtaSyntax,
  functions: readonly string[],
): CompileOptions {
  webChecks.oneOf(operation, 'whitespace', whitespace, WHITESPACES);
  requireName(operation, 'varName', varName);
  for (const name of functions) requireName(operation, 'the name of a function', name, varName);
  if (!isList(plainText) || !plainText.every((ending) => typeof ending === 'string' && ending !== '')) {
    throw webChecks.wrong(operation, "plainText: an array of endings such as '.txt.eta'", plainText);
  }
  return {
    tags: requireTags(operation, tags),
    autoTrim: requireTrim(operation, autoTrim),
    parse: PREFIXES,
    varName,
    whitespace,
    plainText: [...plainText],
    functions: [...functions],
  };
}

/** @throws WebUsageError `ERR_WEB_USAGE` if it is not a dot and a name. */
export function requireExtension(operation: string, extension: unknown): string {
  if (typeof extension === 'string' && /^(?:\.[\w-]+)+$/.test(extension)) return extension;
  throw webChecks.wrong(operation, "extension: one such as '.eta'", extension);
}

function requireTags(operation: string, tags: unknown): readonly [string, string] {
  const isValid =
    isList(tags) &&
    tags.length === 2 &&
    tags.every((tag) => typeof tag === 'string' && /^[!-~]{1,8}$/.test(tag));
  const [open, close] = isValid ? (tags as [string, string]) : ['', ''];
  if (open !== close) return [open, close];
  throw webChecks.wrong(operation, "tags: two different delimiters such as ['<%', '%>']", tags);
}

function requireTrim(operation: string, trim: unknown): ParserConfig['autoTrim'] {
  const both = isList(trim) && trim.length === 2 ? trim : [trim, trim];
  if (both.every((one) => TRIMS.includes(one as Trim))) return [both[0] as Trim, both[1] as Trim];
  throw webChecks.wrong(operation, "autoTrim: 'nl', 'slurp' or false, or an array of two of them", trim);
}

function requireName(operation: string, what: string, name: unknown, varName = ''): void {
  const isName = typeof name === 'string' && IDENTIFIER.test(name) && !RESERVED.has(name);
  if (!isName) {
    const problem = `${what} must be a name of JavaScript that starts with a letter, got ${shownValue(name)}`;
    throw new WebUsageError('ERR_WEB_USAGE', `${operation}: ${problem}`);
  }
  if (name === varName || name in SCOPE_FUNCTIONS) {
    throw new WebUsageError(
      'ERR_WEB_USAGE',
      `${operation}: ${what} must not be ${shownText(name)}, which is built in`,
    );
  }
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}
