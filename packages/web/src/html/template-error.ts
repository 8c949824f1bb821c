// How messages describe a place in a template.

import { shownText } from '@landspout/ioloop/errors';
import { WebUsageError } from '../errors.ts';

/** How much of the template a message quotes before and after a value. */
const CHARS_BEFORE = 40;
const CHARS_AFTER = 20;

/** Stands for a value. */
const VALUE = `\${…}`;

/** Describes the place of a value: `html: line 3, at "<td>${…}</td>"`. @param hole - the index of the value. */
export function placeOf(strings: readonly string[], hole: number): string {
  const before = textBefore(strings, hole + 1);
  const line = before.split('\n').length;
  const excerpt = lastLine(before) + VALUE + firstLine(strings[hole + 1] ?? '');
  return `html: line ${line}, at ${shownText(excerpt, 2 * (CHARS_BEFORE + CHARS_AFTER))}`;
}

/** Describes the end of a template. */
export function endOf(strings: readonly string[]): string {
  const before = textBefore(strings, strings.length);
  return `html: line ${before.split('\n').length}, at the end of ${shownText(lastLine(before))}`;
}

/** Describes a place in a literal. @param end - the index after the place. */
export function literalPlaceOf(strings: readonly string[], index: number, end: number): string {
  const before = strings.slice(0, index).map((literal) => literal + VALUE);
  const text = before.join('') + (strings[index] ?? '').slice(0, end);
  return `html: line ${text.split('\n').length}, at ${shownText(lastLine(text))}`;
}

export function templateError(place: string, problem: string, remedy: string): WebUsageError {
  return new WebUsageError('ERR_WEB_TEMPLATE', `${place}: ${problem}; ${remedy}`);
}

/** The text of the template before a value, with `${…}` for the values before it. */
function textBefore(strings: readonly string[], count: number): string {
  return strings.slice(0, count).join(VALUE);
}

function lastLine(text: string): string {
  const line = text.slice(text.lastIndexOf('\n') + 1).trimStart();
  return line.length > CHARS_BEFORE ? `…${line.slice(-CHARS_BEFORE)}` : line;
}

function firstLine(text: string): string {
  const line = (text.split('\n', 1)[0] ?? '').trimEnd();
  return line.length > CHARS_AFTER ? `${line.slice(0, CHARS_AFTER)}…` : line;
}
