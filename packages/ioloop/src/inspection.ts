/**
 * How `console.log` and `util.inspect` show instances of our classes. This file imports only files that import nothing
 * else, so that a protocol floor may use it.
 *
 * A class defines its view in one method:
 *
 *     [INSPECT](): object {
 *       return inspection(this, ['url', 'connectionCount'], () => ({ settings: undefined }));
 *     }
 *
 * @packageDocumentation
 */

import { escaped } from './printable.ts';

/** The method that `util.inspect` of Node and similar runtimes calls to get a view of an object. */
export const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom');

/** Shown instead of a secret. */
const MASK = '(masked)';
/** Fields that contain credentials: those of HTTP, and names that programs commonly use. */
const SECRET_FIELDS = /^(?:proxy-)?authorization$|^(?:set-)?cookie2?$|(?:token|secret|password|api-?key)$/i;
/** Maximum number of characters shown of one text. The headers of a single request may be 64 KiB long. */
const MAX_CHARS = 200;

/** The view of each instance, kept only while other code references that view. */
const views = new WeakMap<object, WeakRef<object>>();

/**
 * Returns what to show in place of `instance`: an object of the same class, so that depth, colours, indentation and
 * circular references work as for any other object. Properties that are undefined are left out.
 *
 * @param names - public properties, in this order. Reading them must have no effect and make no system call. If reading
 *   one throws, the error is shown instead.
 * @param values - additional properties, and replacements for properties that should be shown differently. `undefined`
 *   hides a property. Own properties in neither list, such as those of a program's subclass, are shown last.
 */
export function inspection<T extends object>(
  instance: T,
  names: readonly (keyof T & string)[],
  values: () => Readonly<Record<string, unknown>> = () => ({}),
): object {
  const view = viewOf(instance);
  // Defined rather than assigned, because the class has accessors with these names.
  const show = (name: string, property: PropertyDescriptor): void => {
    if (property.value === undefined && property.get === undefined) return;
    Object.defineProperty(view, name, { ...property, enumerable: true, configurable: true });
  };
  for (const name of names) show(name, { value: valueOrError(() => instance[name]) });
  const more = valueOrError(values);
  const others = more instanceof Literal ? { unreadable: more } : more;
  for (const [name, value] of Object.entries(others)) show(name, { value });
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(instance))) {
    const isListed = Object.hasOwn(others, name) || (names as readonly string[]).includes(name);
    if (property.enumerable === true && !isListed) show(name, property);
  }
  return view;
}

/**
 * Shows text from a peer: on one line, clipped, with everything but visible ASCII escaped, and without the credentials
 * in its URLs.
 */
export function inspectedText(text: string): object {
  return quoted(text.replace(/:[/\\]{2}[^/?#\\\s]*@/g, `://${MASK}@`));
}

/** Like {@link inspectedText}, for text that should be a URL but may be malformed. */
export function inspectedUrl(url: string): object {
  return quoted(maskedUrl(url));
}

/** Masks the user information of a URL, valid or not. */
export function maskedUrl(url: string): string {
  return url.replace(/^([^:/?#\\]*:)?([/\\]*)[^/?#\\]*@/, `$1$2${MASK}@`);
}

/** Shows the value of a header field, but masks credentials. @param name - in upper or lower case. */
export function inspectedField(name: string, value: string): object {
  return SECRET_FIELDS.test(name) ? new Literal(MASK, 'special') : inspectedText(value);
}

/** Shows the number of bytes instead of the bytes, which may be many, or secret. */
export function inspectedBytes({ length: count }: { readonly length: number }): object {
  return new Literal(`(${count} ${count === 1 ? 'byte' : 'bytes'})`, 'special');
}

/** Formats the address of a stream: `127.0.0.1:8888`, `[::1]:8888`, `unix:/run/app.sock`. */
export function inspectedAddress(address: {
  readonly family: string;
  readonly address?: string;
  readonly port?: number;
  readonly path?: string;
}): string {
  const { family, address: ip, port, path } = address;
  if (ip !== undefined) return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
  return path === undefined || path === '' ? family : `${family}:${path}`;
}

/** Text that is shown as it is, without quotes. */
class Literal {
  readonly #text: string;
  readonly #style: string;

  constructor(text: string, style: 'string' | 'special') {
    this.#text = text;
    this.#style = style;
  }

  [INSPECT](_depth: number, options: { stylize?(text: string, style: string): string }): string {
    return options.stylize?.(this.#text, this.#style) ?? this.#text;
  }
}

/**
 * Returns an empty view. While an instance is being shown, this is the same object each time, so that `util.inspect`
 * detects circular references.
 */
function viewOf(instance: object): object {
  const present = views.get(instance)?.deref();
  if (present !== undefined) {
    for (const name of Object.keys(present)) Reflect.deleteProperty(present, name);
    return present;
  }
  const view = Object.create(Object.getPrototypeOf(instance), { [INSPECT]: { value: undefined } });
  views.set(instance, new WeakRef(view));
  return view;
}

function valueOrError<T>(read: () => T): T | Literal {
  try {
    return read();
  } catch (error) {
    return new Literal(`(${error instanceof Error ? error.message : 'unreadable'})`, 'special');
  }
}

function quoted(text: string): Literal {
  const visible = text.slice(0, MAX_CHARS).replace(/[^\x20-\x7e]|['\\]/g, asInLiteral);
  const more = text.length - MAX_CHARS;
  return new Literal(more > 0 ? `'${visible}'… ${more} more characters` : `'${visible}'`, 'string');
}

/** Escapes a character as `util.inspect` does in a string literal. */
function asInLiteral(character: string): string {
  if (character === "'" || character === '\\') return `\\${character}`;
  if (character === '\r') return '\\r';
  if (character === '\n') return '\\n';
  if (character === '\t') return '\\t';
  return escaped(character);
}
