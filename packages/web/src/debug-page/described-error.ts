// What can be said about a thrown value. A value can be hostile: getters that throw, a proxy, an endless chain of causes,
// a message of megabytes. Nothing here throws, and nothing is longer than its limit.

import { inspect, types } from 'node:util';
import { CodedError, shownValue } from '@landspout/ioloop/errors';

/** One error of the chain of causes. */
export interface DescribedError {
  /** How it belongs to the errors before it, such as `Caused by`; '' for the first. */
  readonly relation: string;
  /** Its class. */
  readonly name: string;
  /** Undefined if it has none. */
  readonly code: string | undefined;
  readonly message: string;
  /** The lines of its stack, without the message; '' if there are none. */
  readonly stack: string;
  /** A place that the error itself names: the line of a template, or of a module that cannot be compiled. */
  readonly place: { readonly file: string; readonly line: number; readonly isTemplate: boolean } | undefined;
}

/** The largest number of errors that are described. */
const MAX_ERRORS = 8;
const MAX_NAME_CHARS = 200;
const MAX_MESSAGE_CHARS = 4_000;
const MAX_STACK_CHARS = 64 * 1_024;
const MAX_FILE_CHARS = 4_096;

/** What the line of a frame starts with. */
const AT = '    at ';

/**
 * Describes a thrown value, then its causes and the members of an `AggregateError`, each once, from the outside in; at
 * most {@link MAX_ERRORS}.
 */
export function describeErrors(thrown: unknown): DescribedError[] {
  const described: DescribedError[] = [];
  const seen = new Set<unknown>();
  const waiting: { readonly value: unknown; readonly relation: string }[] = [{ value: thrown, relation: '' }];
  while (described.length < MAX_ERRORS) {
    const next = waiting.shift();
    if (next === undefined) break;
    const { value, relation } = next;
    if (seen.has(value)) continue;
    if (isObject(value)) seen.add(value);
    described.push(describe(value, relation));
    if (!isError(value)) continue;
    const cause = read(value, 'cause');
    if (cause !== undefined) waiting.push({ value: cause, relation: 'Caused by' });
    for (const [index, member] of membersOf(value).entries()) {
      waiting.push({ value: member, relation: `Error ${index + 1}` });
    }
  }
  return described;
}

function describe(value: unknown, relation: string): DescribedError {
  if (!isError(value)) {
    return {
      relation,
      name: 'Thrown value',
      code: undefined,
      message: inspected(value),
      stack: '',
      place: undefined,
    };
  }
  const message = text(read(value, 'message')) ?? '';
  const stack = text(read(value, 'stack')) ?? '';
  const code = text(read(value, 'code'));
  return {
    relation,
    name: clip(text(read(value, 'name')) || 'Error', MAX_NAME_CHARS),
    code: code === undefined ? undefined : clip(code, MAX_NAME_CHARS),
    message: clip(message, MAX_MESSAGE_CHARS),
    stack: framesOf(stack, message).slice(0, MAX_STACK_CHARS),
    place: templatePlace(value) ?? modulePlace(stack),
  };
}

/**
 * The lines after the message. The message is not searched for frames: it may quote what a client sent, and a line of it
 * can look like a frame.
 */
function framesOf(stack: string, message: string): string {
  const colon = message === '' ? -1 : stack.slice(0, MAX_NAME_CHARS).indexOf(': ');
  const end = colon !== -1 && stack.startsWith(message, colon + 2) ? colon + 2 + message.length : -1;
  const isFound = end !== -1 && (end === stack.length || stack.startsWith(`\n${AT}`, end));
  return isFound ? stack.slice(end) : lastFrames(stack.trimEnd(), message);
}

/**
 * The frames at the end of a stack that does not have the message in its place, because the program has changed it. The
 * stack may have the message of before, whose last lines can look like frames. So there are not more than V8 writes, and
 * none that are also in the message, which often contains the one of before.
 */
function lastFrames(stack: string, message: string): string {
  const limit: unknown = Error.stackTraceLimit;
  const lines: string[] = [];
  for (let end = stack.length; end > 0 && lines.length < (typeof limit === 'number' ? limit : 0); ) {
    const start = stack.lastIndexOf('\n', end - 1) + 1;
    const line = stack.slice(start, end);
    if (!line.startsWith(AT) || message.includes(line)) break;
    lines.unshift(line);
    end = start - 1;
  }
  return lines.join('\n');
}

/** A `TemplateError` has its file and line. */
function templatePlace(error: object): DescribedError['place'] {
  try {
    if (!(error instanceof CodedError) || read(error, 'code') !== 'ERR_WEB_TEMPLATE') return undefined;
  } catch {
    return undefined; // a proxy
  }
  const file = read(error, 'file');
  const line = read(error, 'line');
  if (typeof file !== 'string' || file.length > MAX_FILE_CHARS || !Number.isSafeInteger(line))
    return undefined;
  return { file, line: line as number, isTemplate: true };
}

/** Node puts the place of a syntax error in front of the stack: `file:///app/a.js:3`. */
function modulePlace(stack: string): DescribedError['place'] {
  const firstLine = stack.slice(0, MAX_FILE_CHARS).split('\n', 1)[0] ?? '';
  const match = /^(\/.*|file:\/\/.*):(\d{1,9})$/.exec(firstLine);
  if (match === null) return undefined;
  return { file: match[1] as string, line: Number(match[2]), isTemplate: false };
}

function membersOf(error: object): readonly unknown[] {
  try {
    const members = read(error, 'errors');
    return Array.isArray(members) ? Array.prototype.slice.call(members, 0, MAX_ERRORS) : [];
  } catch {
    return []; // a proxy
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/** Errors of another realm are errors, too. */
function isError(value: unknown): value is object {
  try {
    return types.isNativeError(value) || value instanceof Error;
  } catch {
    return false; // a proxy
  }
}

function read(value: object, name: string): unknown {
  try {
    return Reflect.get(value, name);
  } catch {
    return undefined;
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function inspected(value: unknown): string {
  try {
    return clip(inspect(value, { depth: 2, maxArrayLength: 20, maxStringLength: 1_000 }), MAX_MESSAGE_CHARS);
  } catch {
    return shownValue(value);
  }
}

function clip(value: string, maxChars: number): string {
  return value.length > maxChars ? `${value.slice(0, maxChars)}…` : value;
}
