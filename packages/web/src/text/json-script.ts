// JSON for pages: data that a script reads.

import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { WebUsageError, webChecks } from '../errors.ts';

/** Characters that could end a script or start markup, and line separators, which old JavaScript refuses in strings. */
const UNSAFE = /[<>&\u2028\u2029]/g;

/** Only {@link jsonScript} has it, so that no other code can make an instance. */
const KEY = Symbol('JsonScript');

/**
 * JSON that is safe inside a `<script>` of an HTML page. Made by {@link jsonScript}. Other template engines may print
 * its text without escaping, both in scripts and between tags.
 */
export class JsonScript {
  readonly #text: string;

  /** @internal Programs call {@link jsonScript}. */
  constructor(key: symbol, text: string) {
    if (key !== KEY)
      throw webChecks.wrong('JsonScript', 'the function jsonScript(value)', 'a constructor call');
    this.#text = text;
  }

  /** Whether `value` was made by {@link jsonScript}. */
  static isJsonScript(value: unknown): value is JsonScript {
    return typeof value === 'object' && value !== null && #text in value;
  }

  /** The JSON: without `<`, `>`, `&`, U+2028 and U+2029. */
  toString(): string {
    return this.#text;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ chars: this.#text.length }));
  }
}

/**
 * Converts a value to JSON that is safe inside a `<script>`: `<`, `>`, `&`, U+2028 and U+2029 are escaped as `\uXXXX`,
 * so that the text cannot end the script and is the same value in JSON and in JavaScript.
 *
 * In JavaScript, a member `__proto__` of an object literal sets its prototype. For data from clients that may have such
 * a member, use a script of type `application/json` and `JSON.parse(element.textContent)`.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` if JSON cannot hold the value, such as `undefined`, a function, a bigint, or an
 *   object with circular references.
 *
 * @example
 * html`<script>const user = ${jsonScript(user)};</script>`
 */
export function jsonScript(value: unknown): JsonScript {
  const text = jsonOf(value);
  if (text === undefined) throw webChecks.wrong('jsonScript', 'a value that JSON can hold', value);
  return new JsonScript(KEY, text.replace(UNSAFE, escapedUnit));
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    // JSON.stringify throws a TypeError for a bigint and for circular references; any other error is of a `toJSON`.
    if (!(cause instanceof TypeError)) throw cause;
    throw new WebUsageError('ERR_WEB_USAGE', `jsonScript: JSON cannot hold the value: ${cause.message}`, {
      cause,
    });
  }
}

function escapedUnit(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
