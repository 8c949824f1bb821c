import { HTTPHeaders } from '@landspout/http1';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { NativeHeaders } from './native-objects.ts';

const SET_COOKIE = 'set-cookie';
/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** White space that the Fetch standard removes around a value. */
const BLANKS_AROUND = /^[\t\n\r ]+|[\t\n\r ]+$/g;
const SPACE = 0x20;

/**
 * The interface `Headers` of the Fetch standard over an {@link HTTPHeaders}, which it reads when asked. It may share
 * that object with other code: it is copied before the first change.
 */
export class LightHeaders {
  #headers: HTTPHeaders;
  #isShared: boolean;

  constructor(headers: HTTPHeaders, isShared: boolean) {
    this.#headers = headers;
    this.#isShared = isShared;
  }

  /** Returns the fields of an object of this class, not to be changed; undefined for any other value. */
  static fieldsOf(value: object): HTTPHeaders | undefined {
    return #headers in value ? value.#headers : undefined;
  }

  get(name: string): string | null {
    const value = this.#headers.get(String(name));
    return value === undefined ? absent(name, null) : value;
  }

  has(name: string): boolean {
    return this.#headers.get(String(name)) !== undefined || absent(name, false);
  }

  getSetCookie(): string[] {
    return this.#headers.getList(SET_COOKIE);
  }

  append(name: string, value: string): void {
    addField(this.#owned(), name, value);
  }

  set(name: string, value: string): void {
    const headers = this.#owned();
    checked(() => headers.set(String(name), normalized(value)));
  }

  delete(name: string): void {
    absent(name, undefined);
    this.#owned().delete(String(name));
  }

  forEach(callback: (value: string, name: string, headers: Headers) => void, thisArgument?: unknown): void {
    if (typeof callback !== 'function')
      throw new TypeError('Headers.forEach: the callback must be a function');
    for (const [name, value] of this.#combined()) {
      callback.call(thisArgument, value, name, this as unknown as Headers);
    }
  }

  *keys(): Generator<string> {
    for (const [name] of this.#combined()) yield name;
  }

  *values(): Generator<string> {
    for (const [, value] of this.#combined()) yield value;
  }

  entries(): IterableIterator<[string, string]> {
    return this.#combined()[Symbol.iterator]();
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.#combined()[Symbol.iterator]();
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ fields: this.#headers }));
  }

  #owned(): HTTPHeaders {
    if (this.#isShared) {
      this.#headers = this.#headers.copy();
      this.#isShared = false;
    }
    return this.#headers;
  }

  /** Returns the fields in the order of the Fetch standard: sorted by lower-case name, repeated values joined. */
  #combined(): [string, string][] {
    const combined: [string, string][] = [];
    const places = new Map<string, [string, string]>();
    for (const pair of this.#headers.getAll()) {
      const name = pair[0].toLowerCase();
      const first = name === SET_COOKIE ? undefined : places.get(name);
      if (first !== undefined) {
        first[1] += `${name === 'cookie' ? '; ' : ', '}${pair[1]}`;
        continue;
      }
      pair[0] = name;
      places.set(name, pair);
      combined.push(pair);
    }
    return combined.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  }
}

Reflect.deleteProperty(LightHeaders.prototype, 'constructor');
Object.setPrototypeOf(LightHeaders.prototype, NativeHeaders.prototype);

/**
 * Returns the fields for what `new Headers` accepts.
 *
 * @throws TypeError, as the constructors of Fetch do, if a name or value is invalid.
 */
export function fieldsFrom(init: unknown): HTTPHeaders {
  if (typeof init !== 'object' || init === null) {
    throw new TypeError('Response: headers must be a record, a list of pairs or Headers');
  }
  const own = LightHeaders.fieldsOf(init);
  if (own !== undefined) return own.copy();
  const headers = new HTTPHeaders();
  if (Symbol.iterator in init) {
    for (const pair of init as Iterable<Iterable<string>>) {
      const [name, value, ...more] = pair;
      if (name === undefined || value === undefined || more.length > 0) {
        throw new TypeError('Response: each pair of headers must have a name and a value');
      }
      addField(headers, name, value);
    }
    return headers;
  }
  // Object.entries would allocate an array for each field of each response.
  for (const name in init) {
    if (Object.hasOwn(init, name)) addField(headers, name, (init as Record<string, string>)[name]);
  }
  return headers;
}

function addField(headers: HTTPHeaders, name: string, value: unknown): void {
  const text = normalized(value);
  try {
    headers.add(name, text);
  } catch (error) {
    throw invalid(error);
  }
}

function checked(change: () => void): void {
  try {
    change();
  } catch (error) {
    throw invalid(error);
  }
}

/** Programs that know the Fetch standard expect a TypeError. */
function invalid(error: unknown): TypeError {
  return new TypeError(`Headers: ${(error as Error).message}`, { cause: error });
}

function normalized(value: unknown): string {
  const text = typeof value === 'string' ? value : String(value);
  const { length } = text;
  if (length > 0 && text.charCodeAt(0) > SPACE && text.charCodeAt(length - 1) > SPACE) return text;
  return text.replace(BLANKS_AROUND, '');
}

/** Refuses a name that no field can have, as the Fetch standard does. Checked only if the field is absent. */
function absent<T>(name: string, value: T): T {
  if (!TOKEN.test(String(name))) throw new TypeError(`Headers: ${JSON.stringify(name)} is not a valid name`);
  return value;
}
