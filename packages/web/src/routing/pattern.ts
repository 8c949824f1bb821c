import { shownText, shownValue } from '@landspout/ioloop/errors';
import { WebUsageError } from '../errors.ts';
import { percentEncode, percentEncodePath } from '../request/url-encoding.ts';

/** A compiled pattern. */
export interface RoutePattern {
  /** The text of the pattern, for messages. */
  readonly text: string;
  /** The only path that matches, if there are no parameters. */
  readonly exact: string | undefined;
  /** The segments with which each matching path starts; without a {@link regExp}, all its segments. */
  readonly segments: readonly PatternSegment[];
  /** The expression that the whole path must match, anchored at both ends; undefined for a string. */
  readonly regExp: RegExp | undefined;
  /** The names of the parameters in the order of the path; undefined for a group without a name. */
  readonly paramNames: readonly (string | undefined)[];
  /** Literal text and parameters, alternating, for building a URL; undefined if the pattern cannot be reversed. */
  readonly parts: readonly UrlPart[] | undefined;
}

/** The pattern of a handler that is used without a route. It is never matched against a path. */
export const NO_PATTERN: RoutePattern = {
  text: '',
  exact: undefined,
  segments: [],
  regExp: undefined,
  paramNames: [],
  parts: undefined,
};

/**
 * A segment of a pattern: literal text, a parameter for one non-empty segment, or a parameter for the rest of the path.
 */
export type PatternSegment = string | typeof PARAM | typeof REST;

export const PARAM = Symbol('one segment');
export const REST = Symbol('the rest of the path');

type UrlPart = string | UrlParam;

interface UrlParam {
  /** Whether the value may contain slashes; they are then not escaped. */
  readonly slashes: boolean;
}

/** A compiled prefix, for routes nested below it. */
export interface PatternPrefix {
  readonly text: string;
  readonly segments: readonly PatternSegment[];
  readonly paramNames: readonly string[];
  readonly parts: readonly UrlPart[];
}

export const NO_PREFIX: PatternPrefix = { text: '', segments: [], paramNames: [], parts: [] };

/**
 * Compiles a pattern. In a string, a segment `:name` matches one non-empty segment, and `*name` as the last segment
 * matches the rest of the path, which may be empty. All other text is compared literally with the undecoded path.
 *
 * @param pattern - a string that starts with `/`; '' for the prefix itself; or a regular expression for the whole path.
 * @throws WebUsageError `ERR_WEB_ROUTE`.
 */
export function compilePattern(pattern: string | RegExp, prefix: PatternPrefix = NO_PREFIX): RoutePattern {
  if (pattern instanceof RegExp) return compileRegExp(pattern, prefix);
  if (typeof pattern !== 'string') {
    const problem = `the pattern of a route must be a string or a RegExp, got ${shownValue(pattern)}`;
    throw new WebUsageError('ERR_WEB_ROUTE', problem);
  }
  const whole = pattern === '' && prefix !== NO_PREFIX ? prefix : extendPrefix(prefix, pattern);
  const exact = whole.paramNames.length === 0 ? whole.parts.join('') : undefined;
  return { ...whole, exact, regExp: undefined };
}

/** Appends a pattern string to a prefix. @throws WebUsageError `ERR_WEB_ROUTE`. */
export function extendPrefix(prefix: PatternPrefix, pattern: string): PatternPrefix {
  const text = prefix.text + pattern;
  if (pattern === '') throw badRoute(text, "the pattern is empty; the root is '/'");
  if (!pattern.startsWith('/')) throw badRoute(text, 'a pattern must start with /');
  requireLiteral(pattern, text);
  const segments = [...prefix.segments];
  const paramNames = [...prefix.paramNames];
  const parts = [...prefix.parts];
  const own = pattern.slice(1).split('/');
  for (const [at, segment] of own.entries()) {
    const mark = segment[0];
    if (mark !== ':' && mark !== '*') {
      segments.push(segment);
      parts.push(`/${segment}`);
      continue;
    }
    const name = segment.slice(1);
    if (!/^[A-Za-z_]\w*$/.test(name)) throw badRoute(text, `${segment} must have a name, as in ":id"`);
    if (paramNames.includes(name)) throw badRoute(text, `the name ${name} is used twice`);
    if (mark === '*' && at !== own.length - 1) throw badRoute(text, `${segment} must be the last segment`);
    segments.push(mark === '*' ? REST : PARAM);
    paramNames.push(name);
    parts.push('/', { slashes: mark === '*' });
  }
  return { text, segments, paramNames, parts };
}

/** Characters that have a meaning in regular expressions or other routers, but not here. `*` may begin a segment. */
const META = /[()[\]+?|^$\\{}<>]|(?<!\/)\*/;
/** Characters that the path of a request never contains (RFC 3986 §3.3). */
const NEVER_IN_PATH = /[^\u0021-\u007e]|["#`]/;

/**
 * Refuses text that was probably not meant literally: a regular expression in a string, as in Tornado, or the parameter
 * syntax of another router. Such a route would never match.
 */
function requireLiteral(pattern: string, text: string): void {
  const meta = META.exec(pattern)?.[0];
  if (meta !== undefined) {
    const remedy = `write a parameter as in '/story/:id' or '/files/*path', or pass the whole pattern as a RegExp${regExpFor(text)}`;
    throw badRoute(text, `in a string, "${meta}" has no special meaning; ${remedy}`);
  }
  if (/\*(?:\/|$)/.test(pattern)) throw badRoute(text, "a * must have a name, as in '/files/*path'");
  const foreign = NEVER_IN_PATH.exec(pattern)?.[0];
  if (foreign === undefined) return;
  const remedy = foreign === '#' ? '' : `; write it percent-encoded: ${shownText(encodeURI(pattern))}`;
  throw badRoute(text, `the path of a request never contains ${shownText(foreign)}${remedy}`);
}

/** Returns the RegExp that was probably meant: the text itself if it looks like one, otherwise the escaped text. */
function regExpFor(text: string): string {
  if (/[{}<>]/.test(text)) return '';
  try {
    return `, ${new RegExp(/[([\\]/.test(text) ? text : escapeRegExp(text))}`;
  } catch {
    return '';
  }
}

/** Matches a source that starts with a required literal character other than a slash, so that no path can match. */
const NO_SLASH_FIRST = /^\^?[\w%~-](?![?*{])/;

function compileRegExp(pattern: RegExp, prefix: PatternPrefix): RoutePattern {
  const text = `${prefix.text}${pattern.source}`;
  if (prefix === NO_PREFIX && NO_SLASH_FIRST.test(pattern.source) && !pattern.source.includes('|')) {
    throw badRoute(text, `every path starts with /, so the pattern must match it: /\\/${pattern.source}/`);
  }
  // The flags g and y keep a position between matches, and with m, $ would match before the end of the path.
  const flags = pattern.flags.replace(/[gmy]/g, '');
  let regExp: RegExp;
  try {
    regExp = new RegExp(`^${sourceOf(prefix)}(?:${pattern.source})$`, flags);
  } catch (cause) {
    throw new WebUsageError(
      'ERR_WEB_ROUTE',
      `route ${shownText(text)}: the pattern is not valid below its prefix`,
      {
        cause,
      },
    );
  }
  const own = simpleParts(pattern.source);
  return {
    text,
    exact: undefined,
    // With the flag i, the path may differ in case from the literal text.
    segments: flags.includes('i') ? [] : [...prefix.segments, ...leadingSegments(pattern.source)],
    regExp,
    paramNames: [...prefix.paramNames, ...groupNames(pattern.source)],
    parts: own && [...prefix.parts, ...own],
  };
}

function sourceOf({ segments, paramNames }: PatternPrefix): string {
  let taken = 0;
  const param = (match: string): string => `/(?<${paramNames[taken++]}>${match})`;
  return segments
    .map((segment) => {
      if (typeof segment === 'string') return escapeRegExp(`/${segment}`);
      return param(segment === PARAM ? '[^/]+' : '.*');
    })
    .join('');
}

/** Returns the literal segments, each followed by a slash, with which every path that matches the expression begins. */
function leadingSegments(source: string): string[] {
  if (source.includes('|')) return [];
  const segments: string[] = [];
  let rest = source.replace(/^\^/, '');
  for (;;) {
    const found = /^\\?\/([\w~-]+)(?=\\?\/)(?!\\?\/[*+?{])/.exec(rest);
    if (found === null) return segments;
    segments.push(found[1] as string);
    rest = rest.slice(found[0].length);
  }
}

/** Returns the names of the capturing groups of an expression, in order; undefined for a group without a name. */
function groupNames(source: string): (string | undefined)[] {
  const names: (string | undefined)[] = [];
  // Parentheses that are escaped or in a character class are not groups.
  for (const [, name, open] of source.matchAll(
    /\\.|\[(?:[^\]\\]|\\.)*\]|\(\?<(?![=!])([^>]+)>|(\()(?!\?)/g,
  )) {
    if (name !== undefined) names.push(name);
    else if (open !== undefined) names.push(undefined);
  }
  return names;
}

/**
 * Builds the URL that a pattern matches.
 *
 * @param values - one per parameter, in order; each is escaped.
 * @throws WebUsageError `ERR_WEB_REVERSE`.
 */
export function reversePattern(pattern: RoutePattern, values: readonly (string | number)[]): string {
  const { parts, text } = pattern;
  if (parts === undefined) throw badReverse(`${text} must consist of plain text and simple groups`);
  const wanted = parts.filter((part) => typeof part !== 'string').length;
  if (values.length !== wanted) throw badReverse(`${text} takes ${wanted} values, got ${values.length}`);
  let url = '';
  let taken = 0;
  for (const part of parts) {
    if (typeof part === 'string') {
      url += part;
      continue;
    }
    const value = String(values[taken++]);
    if (value === '' && !part.slashes) throw badReverse(`${text}: the value of a segment must not be empty`);
    url += part.slashes ? percentEncodePath(value) : percentEncode(value);
  }
  return url;
}

/**
 * Splits a regular expression into text and groups. Returns undefined if it contains anything else, or if groups are
 * nested or repeated.
 */
function simpleParts(source: string): readonly UrlPart[] | undefined {
  const parts: UrlPart[] = [];
  let text = '';
  for (let at = 0; at < source.length; at += 1) {
    const char = source[at] as string;
    if (char === '(') {
      const group = /^\((?!\?[:=!]|\?<[=!])(?:[^()\\]|\\.)*\)(?![*+?{])/.exec(source.slice(at))?.[0];
      if (group === undefined) return undefined;
      parts.push(text, { slashes: true });
      text = '';
      at += group.length - 1;
    } else if (char === '\\') {
      const escaped = source[at + 1] ?? '';
      if (/\w/.test(escaped)) return undefined;
      text += escaped;
      at += 1;
    } else if (/[.*+?{}[\]|]/.test(char)) {
      return undefined;
    } else if (!(char === '^' && at === 0) && !(char === '$' && at === source.length - 1)) {
      text += char;
    }
  }
  parts.push(text);
  return parts;
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/** Makes the error for an invalid route. @param text - the pattern, as passed by the program. */
export function badRoute(text: string, problem: string): WebUsageError {
  return new WebUsageError('ERR_WEB_ROUTE', `route ${shownText(text)}: ${problem}`);
}

function badReverse(problem: string): WebUsageError {
  return new WebUsageError('ERR_WEB_REVERSE', `reverseUrl: ${problem}`);
}
