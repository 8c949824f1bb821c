/**
 * How instances look in the output of `console.log` and `util.inspect`. This file imports only what imports nothing, so
 * that a protocol floor may use it.
 *
 * A class says it in one method:
 *
 *     [INSPECT](): object {
 *       return inspection(this, ['url', 'connectionCount'], () => ({ settings: undefined }));
 *     }
 *
 * @packageDocumentation
 */

import { escaped } from './printable.ts';

/** The name of the method that `util.inspect` of Node, and of runtimes like it, calls in place of its own work. */
export const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom');

/** What a secret is replaced by. */
const MASK = '(masked)';
/** Fields whose values are credentials: those of HTTP, and what programs call their own. */
const SECRET_FIELDS = /^(?:proxy-)?authorization$|^(?:set-)?cookie2?$|(?:token|secret|password|api-?key)$/i;
/** Most characters of one text; the headers of one request may have 64 KiB of them. */
const MAX_CHARS = 200;

/** What stands for an instance, as long as anybody shows it. */
const views = new WeakMap<object, WeakRef<object>>();

/**
 * What to show in place of `instance`: an object of the same class, so that depth, colours, indentation and circles are
 * those of any other object. What is undefined is left out.
 *
 * @param names - public properties, in this order. Reading them must change nothing and make no system call. What one
 *   throws is shown in its place.
 * @param values - more properties, which cannot be read by name, or are to be shown in another way. `undefined` hides
 *   one. The own properties that neither lists come last: those of a subclass that a program has written, for one.
 */
export function inspection<T extends object>(
  instance: T,
  names: readonly (keyof T & string)[],
  values: () => Readonly<Record<string, unknown>> = () => ({}),
): object {
  const view = viewOf(instance);
  // Defined, not assigned, as the class has accessors of these names.
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
 * Shows text of a peer: on one line, with everything that is not visible ASCII escaped, clipped, and without the
 * credentials of the URLs in it.
 */
export function inspectedText(text: string): object {
  return quoted(text.replace(/:[/\\]{2}[^/?#\\\s]*@/g, `://${MASK}@`));
}

/** As {@link inspectedText}, of text that is meant to be a URL, and may be one that is written wrong. */
export function inspectedUrl(url: string): object {
  return quoted(url.replace(/^([^:/?#\\]*:)?([/\\]*)[^/?#\\]*@/, `$1$2${MASK}@`));
}

/** A value of a header field: the credentials of those that have some are not shown. @param name - in any case. */
export function inspectedField(name: string, value: string): object {
  return SECRET_FIELDS.test(name) ? new Literal(MASK, 'special') : inspectedText(value);
}

/** Shows how many bytes there are in place of the bytes, which may be many, or secret. */
export function inspectedBytes({ length: count }: { readonly length: number }): object {
  return new Literal(`(${count} ${count === 1 ? 'byte' : 'bytes'})`, 'special');
}

/** An address of a stream in one word: `127.0.0.1:8888`, `[::1]:8888`, `unix:/run/app.sock`. */
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
 * An empty view. It is the same object for an instance that is being shown already, so that `util.inspect` notices when
 * it goes in a circle.
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

/** As `util.inspect` writes a character of a literal. */
function asInLiteral(character: string): string {
  if (character === "'" || character === '\\') return `\\${character}`;
  if (character === '\r') return '\\r';
  if (character === '\n') return '\\n';
  if (character === '\t') return '\\t';
  return escaped(character);
}
