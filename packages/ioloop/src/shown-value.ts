/** Maximum number of characters of a text in a message. */
const MAX_TEXT = 60;
const MAX_NAME = 80;

/**
 * Describes a value for an error message that says what was passed instead of the expected value. Text is quoted,
 * escaped and clipped. Objects are described by their class only, since their content may be long, secret or impossible
 * to print. Never throws.
 *
 * Use it for values that the program passes, but not for credentials.
 *
 * @example
 * shownValue('8080'); // "8080" (a string)
 * shownValue(readBody()); // a Promise (await it?)
 */
export function shownValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value === '' ? '"" (an empty string)' : `${shownText(value)} (a string)`;
    case 'bigint':
      return `${clip(String(value), MAX_TEXT)}n (a bigint)`;
    case 'symbol':
      return 'a symbol';
    case 'function':
      return shownFunction(value);
    case 'object':
      return value === null ? 'null' : shownObject(value);
    default:
      return String(value);
  }
}

/**
 * Returns `thrown` itself if it is an Error, and otherwise a new Error with its text. Never throws. A program can throw
 * values that cannot be read, such as a proxy whose traps throw, or an error with getters that throw; the result is
 * then a new Error that says so.
 */
export function errorOf(thrown: unknown): Error {
  try {
    if (!(thrown instanceof Error)) return new Error(String(thrown));
    for (const name of READ_OF_ERRORS) Reflect.get(thrown, name);
    return thrown;
  } catch {
    return new Error(`${shownValue(thrown)} was thrown, which cannot be read`);
  }
}

/**
 * The properties of an error that {@link errorOf} tests by reading them. The stack is not among them, since reading it
 * takes time, and only logs need it.
 */
const READ_OF_ERRORS: readonly string[] = ['name', 'message', 'cause', 'code', 'status'];

/** Formats text in quotes, clipped, and escaped so that it stays on one line. */
export function shownText(text: string, maxChars = MAX_TEXT): string {
  // JSON leaves DEL, the C1 controls and the line separators unescaped; bidirectional marks would reorder the line.
  return JSON.stringify(clip(text, maxChars)).replace(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function shownObject(value: object): string {
  try {
    if (typeof (value as { then?: unknown }).then === 'function') {
      const name = classNameOf(value);
      return `a ${name === '' || name === 'Object' ? 'promise' : name} (await it?)`;
    }
    if (Array.isArray(value)) return 'an array';
    const name = classNameOf(value);
    return name === '' ? 'an object' : `an object of ${name}`;
  } catch {
    return 'an object'; // a getter or a proxy that throws
  }
}

function shownFunction(value: { readonly name: unknown }): string {
  try {
    const isClass = /^class\b/.test(Function.prototype.toString.call(value));
    const name = typeof value.name === 'string' ? clip(value.name, MAX_NAME) : '';
    if (isClass) return name === '' ? 'a class' : `the class ${name}`;
    return name === '' ? 'a function' : `the function ${name}`;
  } catch {
    return 'a function';
  }
}

function classNameOf(value: object): string {
  const name: unknown = value.constructor?.name;
  return typeof name === 'string' ? clip(name, MAX_NAME) : '';
}

function clip(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}
