// How the text of each type of option becomes a value, and how a value is shown.

import { maskedUrl } from '@landspout/ioloop/inspection';
import type { AnyDefinition, OptionType } from '../option-types.ts';
import { parseDate } from './date.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { Refusal } from './refusal.ts';
import { formatSize, parseSize } from './size.ts';

/** One type of option. */
export interface ValueType {
  /** What stands for the value in the help. */
  readonly metavar: string;
  /** What a value in a definition or in a file has to be, such as `a number`. */
  readonly written: string;
  /** Reads the text from a command line, the environment or a file. */
  parse(text: string, definition: AnyDefinition): unknown | Refusal;
  /** Whether a value of the program, such as a default, has this type. */
  accepts(value: unknown): boolean;
  /** Whether a value of a JSON file has this type, and is not text to be parsed. */
  acceptsJson(value: unknown, definition: AnyDefinition): boolean;
  /** Whether a default and a JSON file may have the text of a value. */
  readonly hasText: boolean;
  /** Formats a value for the help and for `explain`. */
  show(value: unknown): string;
}

const INTEGER = /^[+-]?\d+$/;
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;
const TRUE = /^(?:true|t|yes|y|on|1)$/i;
const FALSE = /^(?:false|f|no|n|off|0)$/i;

const isFiniteNumber = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value);
const isCount = (value: unknown): boolean => isFiniteNumber(value) && (value as number) >= 0;

export const VALUE_TYPES: Readonly<Record<OptionType, ValueType>> = {
  string: {
    metavar: 'TEXT',
    written: 'a string',
    parse: (text) => text,
    accepts: (value) => typeof value === 'string',
    acceptsJson: (value) => typeof value === 'string',
    hasText: false,
    show: (value) => JSON.stringify(value),
  },
  integer: {
    metavar: 'N',
    written: 'a whole number',
    parse: (text, definition) => parsedNumber(text, INTEGER, definition),
    accepts: Number.isSafeInteger,
    acceptsJson: Number.isSafeInteger,
    hasText: false,
    show: String,
  },
  number: {
    metavar: 'NUMBER',
    written: 'a number',
    parse: (text, definition) => parsedNumber(text, NUMBER, definition),
    accepts: isFiniteNumber,
    acceptsJson: isFiniteNumber,
    hasText: false,
    show: String,
  },
  boolean: {
    metavar: 'BOOL',
    written: 'true or false',
    parse(text) {
      if (TRUE.test(text)) return true;
      return FALSE.test(text) ? false : new Refusal('true or false');
    },
    accepts: (value) => typeof value === 'boolean',
    acceptsJson: (value) => typeof value === 'boolean',
    hasText: false,
    show: String,
  },
  date: {
    metavar: 'DATE',
    written: 'a date, or its text',
    parse: (text, { utc = false }) => parseDate(text, utc),
    accepts: (value) => value instanceof Date && Number.isFinite(value.getTime()),
    acceptsJson: () => false,
    hasText: true,
    show: (value) => (value as Date).toISOString(),
  },
  duration: {
    metavar: 'DURATION',
    written: 'a number of milliseconds, or its text',
    parse: (text, { unit }) => parseDuration(text, unit),
    accepts: isCount,
    // Only 0, as on the command line: a number without a unit becomes the text that is parsed.
    acceptsJson: (value) => value === 0,
    hasText: true,
    show: (value) => formatDuration(value as number),
  },
  size: {
    metavar: 'SIZE',
    written: 'a number of bytes, or its text',
    parse: parseSize,
    accepts: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
    acceptsJson: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
    hasText: true,
    show: (value) => formatSize(value as number),
  },
  url: {
    metavar: 'URL',
    written: 'a URL, or its text',
    parse: parsedUrl,
    accepts: (value) => value instanceof URL,
    acceptsJson: () => false,
    hasText: true,
    show: (value) => maskedUrl((value as URL).href),
  },
};

function parsedNumber(text: string, syntax: RegExp, { type, min, max }: AnyDefinition): number | Refusal {
  const trimmed = text.trim();
  const number = Number(trimmed);
  const isValid = syntax.test(trimmed) && VALUE_TYPES[type].accepts(number);
  // `-0` would be shown as `0`, and tests for it surprise.
  if (isValid) return number === 0 ? 0 : number;
  return new Refusal(`${VALUE_TYPES[type].written}${rangeText(min, max)}`);
}

function parsedUrl(text: string, { protocols }: AnyDefinition): URL | Refusal {
  const kind = protocols === undefined ? 'a URL' : `a URL with ${protocols.join(' or ')}`;
  try {
    const url = new URL(text);
    return protocols?.includes(url.protocol) === false ? new Refusal(kind) : url;
  } catch {
    return new Refusal(kind, /^[\w.-]+(?::\d+)?(?:\/|$)/.test(text) ? 'write its scheme too' : undefined);
  }
}

/** Such as ` of 0 to 65535`; empty without limits. @param show - formats a limit. */
export function rangeText(
  min: number | undefined | string,
  max: number | undefined | string,
  show: (limit: unknown) => string = String,
): string {
  if (min === undefined) return max === undefined ? '' : ` of at most ${show(max)}`;
  return max === undefined ? ` of ${show(min)} or more` : ` of ${show(min)} to ${show(max)}`;
}
