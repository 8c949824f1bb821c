// The two formats of a log record: text for a terminal, and JSON. Does not write the lines; see console-logger.ts.

import { escaped, printable } from './printable.ts';
import { shownText } from './shown-value.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** One record before it is formatted. */
export interface LogRecord {
  readonly level: LogLevel;
  /** Milliseconds since the Unix epoch. */
  readonly time: number;
  readonly message: string;
  readonly details: object;
  /** The details of all records of a child logger. */
  readonly bindings: object;
}

const COLORS = { red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36, dim: 2 } as const;

export type LogColor = keyof typeof COLORS;

/** Colours a text that is already escaped; returns it unchanged if colours are off. */
export type Paint = (color: LogColor, text: string) => string;

export const paintColors: Paint = (color, text) => `\x1b[${COLORS[color]}m${text}\x1b[0m`;
export const paintNothing: Paint = (_color, text) => text;

/**
 * The key of a method with which details define the text of their record: everything after level and time. The result
 * is written unchanged, so the method must escape text from a peer.
 */
export const LOG_TEXT: unique symbol = Symbol.for('landspout.logText');

/** Details with {@link LOG_TEXT}. */
export interface TextDetails {
  [LOG_TEXT](paint: Paint): string;
}

/** Maximum number of causes that are written for one error. */
const MAX_CAUSES = 5;

const LETTERS = { debug: 'D', info: 'I', warn: 'W', error: 'E' } as const;
const LEVEL_COLORS = { debug: 'blue', info: 'green', warn: 'yellow', error: 'red' } as const;

/**
 * Formats a record as text: level and time, the message, the details as `name=value`, and the error, with its stack at
 * level error. Lines after the first are indented, and characters that could move the cursor or reorder a line are
 * escaped, so that text from a peer cannot forge a record.
 */
export function textLine(record: LogRecord, paint: Paint): string {
  const { level, time, message, details, bindings } = record;
  const head = paint(LEVEL_COLORS[level], `[${LETTERS[level]} ${new Date(time).toISOString()}]`);
  const text = (details as Partial<TextDetails>)[LOG_TEXT];
  if (typeof text === 'function') return `${head} ${text.call(details, paint)}\n`;
  const [firstLine = '', ...otherLines] = message.split('\n');
  const start = oneRecord(firstLine) + fieldsText({ ...bindings, ...details }, paint);
  const rest = otherLines.map((line) => `\n${line}`).join('') + errorText(level, details);
  return `${head} ${start}${oneRecord(rest)}\n`;
}

function errorText(level: LogLevel, details: object): string {
  const { error } = details as { readonly error?: unknown };
  if (error === undefined) return '';
  if (!(error instanceof Error)) return `: ${asText(error)}`;
  return level === 'error' ? stacksText(error) : `: ${error.message}`;
}

/** The stack of an error, followed by those of its causes. */
function stacksText(error: Error): string {
  let text = `\n${error.stack ?? error.message}`;
  let { cause } = error;
  for (let depth = 0; cause !== undefined && depth < MAX_CAUSES; depth += 1) {
    text += `\ncaused by ${cause instanceof Error ? (cause.stack ?? cause.message) : asText(cause)}`;
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return text;
}

/** Escapes everything that is neither visible nor a space. A line break starts an indented line. */
function oneRecord(text: string): string {
  return text.replace(INVISIBLE, (char) => (char === '\n' ? '\n    ' : escapeUnits(char, escaped)));
}

/**
 * Control characters, format characters such as bidirectional marks, and the separators that some viewers treat as line
 * ends.
 */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

function escapeUnits(char: string, escapeUnit: (unit: string) => string): string {
  return char.length === 1 ? escapeUnit(char) : char.split('').map(escapeUnit).join('');
}

const MAX_NAME_CHARS = 80;
const MAX_FIELD_CHARS = 300;

function fieldsText(details: object, paint: Paint): string {
  let text = '';
  for (const [name, value] of Object.entries(details)) {
    const shown = name === 'error' ? undefined : fieldText(value);
    if (shown !== undefined) text += ` ${printable(name, MAX_NAME_CHARS)}=${shown}`;
  }
  return text === '' ? text : paint('dim', text);
}

/** Text that is written without quotation marks: it contains no space and cannot be mistaken for another field. */
const PLAIN = /^[\w.:/@+~-]{1,300}$/;

function fieldText(value: unknown): string | undefined {
  switch (typeof value) {
    case 'undefined':
    case 'function':
    case 'symbol':
      return undefined;
    case 'string':
      return PLAIN.test(value) ? value : quoted(value);
    case 'object': {
      if (value === null) return 'null';
      if (value instanceof Error) return quoted(value.message);
      const json = jsonOf(value, memberWithoutStack);
      const clipped = json.length > MAX_FIELD_CHARS ? `${json.slice(0, MAX_FIELD_CHARS)}…` : json;
      return oneRecord(clipped);
    }
    default:
      return String(value);
  }
}

function quoted(text: string): string {
  return oneRecord(shownText(text, MAX_FIELD_CHARS));
}

/** The members that every JSON line starts with. */
const RESERVED: ReadonlySet<string> = new Set(['time', 'level', 'msg']);

/**
 * Formats a record as one line of JSON: `time` (ISO 8601), `level` and `msg`, then bindings and details. Details with
 * one of these three names get an underscore appended. An error becomes an object of `name`, `code`, `message`, `stack`
 * and `cause`, but without `stack` below level warn, since peers can cause any number of such records. Invisible
 * characters are escaped, so that every viewer shows a single line.
 */
export function jsonLine({ level, time, message, details, bindings }: LogRecord): string {
  const toMember = level === 'debug' || level === 'info' ? memberWithoutStack : memberWithStack;
  let line = `{"time":"${new Date(time).toISOString()}","level":"${level}","msg":${JSON.stringify(message)}`;
  for (const [name, value] of Object.entries(bindings)) {
    if (!Object.hasOwn(details, name)) line += memberText(name, value, toMember);
  }
  for (const [name, value] of Object.entries(details)) line += memberText(name, value, toMember);
  line += '}\n';
  return NOT_ASCII.test(line) ? line.replace(INVISIBLE_BUT_BREAK, escapeInJson) : line;
}

/** Whether a line still has anything to escape. JSON has already escaped the ASCII control characters except DEL. */
const NOT_ASCII = /[^\n\x20-\x7e]/;
const INVISIBLE_BUT_BREAK = /(?!\n)[\p{C}\p{Zl}\p{Zp}]/gu;

const escapeInJson = (char: string): string =>
  escapeUnits(char, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Returns, for example, `,"status":200`; an empty string for a value that JSON omits. */
function memberText(name: string, value: unknown, toMember: ToMember): string {
  const json = typeof value === 'object' && value !== null ? jsonOf(value, toMember) : scalarJson(value);
  return json === undefined ? '' : `,${JSON.stringify(RESERVED.has(name) ? `${name}_` : name)}:${json}`;
}

function scalarJson(value: unknown): string | undefined {
  return typeof value === 'bigint' ? `"${value}"` : JSON.stringify(value);
}

const UNSERIALIZABLE = JSON.stringify('(cannot be written as JSON)');

/** Never throws: a value that cannot be written is replaced by a note. */
function jsonOf(value: object, toMember: ToMember): string {
  try {
    return JSON.stringify(value, toMember) ?? UNSERIALIZABLE;
  } catch {
    return UNSERIALIZABLE; // a circular reference, or a getter or toJSON that throws
  }
}

/** Replaces values that JSON cannot represent. */
type ToMember = (name: string, value: unknown) => unknown;

const memberWithStack: ToMember = (_name, value) => memberOf(value, true);
const memberWithoutStack: ToMember = (_name, value) => memberOf(value, false);

function memberOf(value: unknown, hasStack: boolean): unknown {
  if (typeof value === 'bigint') return String(value);
  return value instanceof Error ? errorMembers(value, hasStack, 0) : value;
}

function errorMembers(error: Error, hasStack: boolean, depth: number): object {
  const { name, message, stack, cause } = error;
  const { code, errors } = error as { readonly code?: unknown; readonly errors?: unknown };
  const partOf = (part: unknown): unknown => {
    if (!(part instanceof Error)) return part;
    return depth < MAX_CAUSES ? errorMembers(part, hasStack, depth + 1) : part.message;
  };
  // The errors of an AggregateError. Those of a nested AggregateError are left out, since their number would multiply.
  const hasErrors = Array.isArray(errors) && depth === 0;
  return {
    name,
    code: typeof code === 'string' || typeof code === 'number' ? code : undefined,
    message,
    stack: hasStack ? stack : undefined,
    cause: partOf(cause),
    errors: hasErrors ? errors.slice(0, MAX_CAUSES).map(partOf) : undefined,
  };
}

function asText(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return 'a value that cannot be shown'; // an object without a prototype, or whose toString throws
  }
}
