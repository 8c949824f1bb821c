// The fields/ folder holds header and trailer fields in both directions, the content of some (cookies), and the reason
// phrases of status lines. The folders decoding/ and encoding/ frame messages.

import { INSPECT, inspectedField, inspection } from '@landspout/ioloop/inspection';
import { LENGTH_REPEATED } from '../grammar/framing-fields.ts';
import { canonicalHeaderName, checkName, type HeaderName, headerFlag, headerKey } from './header-names.ts';
import { parseField, parseFields, RawFields } from './raw-fields.ts';

/**
 * Values from which headers can be created: a record, whose values may be lists, or an iterable of pairs of name and
 * value. The `Headers` of `fetch` are such an iterable, with one pair for each Set-Cookie.
 */
export type HTTPHeadersInit =
  | HTTPHeaders
  | Readonly<Record<string, string | readonly string[]>>
  | Iterable<readonly [string, string]>;

/** The list has three strings per field: the key (the name in lower case), the name and the value. */
const STRIDE = 3;

/**
 * Holds the header fields of one message, in order. Lookups ignore case; names keep their spelling.
 *
 * Received headers are kept as one string, and are split after a few lookups. Headers to be sent are serialised as they
 * are added, so that sending them needs no further work. Lookups scan a list, which is faster than a map for as many
 * fields as the limits allow; `add` does not scan.
 *
 * If a name or value is invalid, each method that sets it throws Http1UsageError `ERR_HTTP1_HEADER_NAME` or
 * `ERR_HTTP1_HEADER_VALUE`, and changes nothing.
 *
 * @example
 * const headers = new HTTPHeaders().set('Content-Type', 'text/plain').add('Set-Cookie', 'a=1');
 */
export class HTTPHeaders {
  /** The fields in order, {@link STRIDE} strings each. Empty while {@link #raw} is defined. */
  #list: string[] = [];
  /** The serialised fields; undefined after a field was replaced or removed. */
  #text: string | undefined = '';
  /** The bits of the fields in `framing-fields.ts`. */
  #flags = 0;
  /** The received header block; undefined after it was split, and for headers that were not received. */
  #raw: RawFields | undefined = undefined;

  /** @internal Wraps a block of valid `name: value CRLF` lines, which is split only when needed. */
  static fromRaw(raw: string, start: number, end: number): HTTPHeaders {
    const headers = new HTTPHeaders();
    headers.#raw = new RawFields(raw, start, end);
    return headers;
  }

  /**
   * Parses `Name: value` lines. Each line ends in CRLF, which is optional after the last line. As strict as the
   * decoder.
   *
   * @throws Http1ProtocolError `ERR_HTTP1_BAD_HEADER` or `ERR_HTTP1_OBS_FOLD`.
   */
  static parse(text: string): HTTPHeaders {
    const headers = new HTTPHeaders();
    parseFields(text, (name, value) => headers.add(name, value));
    return headers;
  }

  /**
   * Creates headers from other headers, a record or pairs.
   *
   * The `Headers` of `fetch` return names in lower case, and join repeated values. They may contain control characters,
   * which are refused because they must not be sent.
   */
  static from(init: HTTPHeadersInit): HTTPHeaders {
    if (init instanceof HTTPHeaders) return init.copy();
    const headers = new HTTPHeaders();
    if (Symbol.iterator in init) {
      for (const [name, value] of init as Iterable<readonly [string, string]>) headers.add(name, value);
      return headers;
    }
    // Object.entries would allocate an array for each field of each response.
    for (const name in init) {
      if (!Object.hasOwn(init, name)) continue;
      const value = init[name] as string | readonly string[];
      if (typeof value === 'string') headers.add(name, value);
      else for (const one of Array.isArray(value) ? value : [value]) headers.add(name, one);
    }
    return headers;
  }

  /**
   * Adds the field of one `Name: value` line, with or without its CRLF. As strict as {@link parse}: a line that starts
   * with white space, which would continue the previous line (RFC 9112 §5.2), is refused.
   *
   * @throws Http1ProtocolError `ERR_HTTP1_BAD_HEADER` or `ERR_HTTP1_OBS_FOLD`; the headers are then unchanged.
   */
  parseLine(line: string): this {
    parseField(line.endsWith('\r\n') ? line.slice(0, -2) : line, (name, value) => this.add(name, value));
    return this;
  }

  /**
   * Returns the value of a field. Repeated values are joined with `, ` (RFC 9110 §5.3; Tornado uses a comma without a
   * space), and values of Cookie with `; ` (RFC 6265 §5.4). Values of Set-Cookie must not be joined: use
   * {@link getList} for them.
   */
  get(name: string): string | undefined {
    const key = headerKey(name);
    if (this.#raw !== undefined) {
      if (this.#raw.mayScan()) return this.#raw.get(key);
      this.#split();
    }
    const list = this.#list;
    let joined: string | undefined;
    for (let at = 0; at < list.length; at += STRIDE) {
      if (list[at] !== key) continue;
      const value = list[at + 2] as string;
      joined = joined === undefined ? value : `${joined}${key === 'cookie' ? '; ' : ', '}${value}`;
    }
    return joined;
  }

  /** Returns all values of a field, in order. The list is owned by the caller. */
  getList(name: string): string[] {
    const key = headerKey(name);
    const list = this.#fields();
    const values: string[] = [];
    for (let at = 0; at < list.length; at += STRIDE) {
      if (list[at] === key) values.push(list[at + 2] as string);
    }
    return values;
  }

  /** Returns all fields as pairs of name and value, in order and in their original spelling. */
  getAll(): [string, string][] {
    const list = this.#fields();
    const pairs: [string, string][] = [];
    for (let at = 0; at < list.length; at += STRIDE)
      pairs.push([list[at + 1] as string, list[at + 2] as string]);
    return pairs;
  }

  /** Returns each name once, in order of first occurrence, spelled like `Content-Type`. */
  names(): string[] {
    const list = this.#fields();
    const keys = new Set<string>();
    for (let at = 0; at < list.length; at += STRIDE) keys.add(list[at] as string);
    return Array.from(keys, canonicalHeaderName);
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** Sets a field to one value. Replaces the first value of the field at its position, and removes all others. */
  set(name: string, value: string): this {
    const known = checkName(name);
    const { key } = known;
    const line = known.lineOf(value);
    const list = this.#fields();
    for (let at = 0; at < list.length; at += STRIDE) {
      if (list[at] !== key) continue;
      list[at + 1] = name;
      list[at + 2] = value;
      this.#text = undefined;
      this.#remove(key, at + STRIDE);
      return this;
    }
    return this.#append(known, name, value, line);
  }

  /** Adds a value after all other fields. Takes constant time. */
  add(name: string, value: string): this {
    const known = checkName(name);
    return this.#append(known, name, value, known.lineOf(value));
  }

  /** Removes all values of a field. @returns whether the field was present. */
  delete(name: string): boolean {
    const key = headerKey(name);
    const list = this.#fields();
    const before = list.length;
    this.#remove(key, 0);
    if (list.length === before) return false;
    this.#text = undefined;
    this.#flags &= ~headerFlag(key);
    return true;
  }

  /** The number of fields; each value of a repeated field counts. */
  get size(): number {
    return this.#fields().length / STRIDE;
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.getAll()[Symbol.iterator]();
  }

  /** Returns an independent copy. */
  copy(): HTTPHeaders {
    const copy = new HTTPHeaders();
    copy.#list = this.#fields().slice();
    copy.#text = this.#text;
    copy.#flags = this.#flags;
    return copy;
  }

  /**
   * Returns the fields in the form in which they are sent: `Name: value` and CRLF for each. The text already exists if
   * fields were only added.
   */
  serialize(): string {
    const list = this.#fields();
    this.#text ??= serializeWithout(list, 0);
    return this.#text;
  }

  toString(): string {
    return this.serialize();
  }

  /** Returns pairs, which {@link from} accepts. A record could not contain a repeated name. */
  toJSON(): [string, string][] {
    return this.getAll();
  }

  /** Converts to the `Headers` of `fetch`, which join repeated fields like {@link get}, except Set-Cookie. */
  toFetch(): Headers {
    return new Headers(this.getAll());
  }

  /** @internal The bits, from `framing-fields.ts`, of the fields that are present. */
  get framing(): number {
    if (this.#raw !== undefined) this.#split();
    return this.#flags;
  }

  /** @internal Serialises all fields except those in `flags`. */
  serializeWithout(flags: number): string {
    return (this.framing & flags) === 0 ? this.serialize() : serializeWithout(this.#list, flags);
  }

  [INSPECT](): object {
    return inspection(this, [], () => shownFields(this.#peek()));
  }

  /** Returns the fields for inspection, without changing how the headers are stored. */
  #peek(): readonly string[] {
    if (this.#raw === undefined) return this.#list;
    const list: string[] = [];
    this.#raw.splitInto(list);
    return list;
  }

  #fields(): string[] {
    if (this.#raw !== undefined) this.#split();
    return this.#list;
  }

  #append({ key, flag }: HeaderName, name: string, value: string, line: string): this {
    this.#fields().push(key, name, value);
    this.#flags |= flag;
    if (this.#text !== undefined) this.#text += line;
    return this;
  }

  /** Removes the fields with `key` at and after the index `from`, in linear time. */
  #remove(key: string, from: number): void {
    const list = this.#list;
    let kept = from;
    for (let at = from; at < list.length; at += STRIDE) {
      if (list[at] === key) continue;
      if (kept !== at) {
        list[kept] = list[at] as string;
        list[kept + 1] = list[at + 1] as string;
        list[kept + 2] = list[at + 2] as string;
      }
      kept += STRIDE;
    }
    list.length = kept;
  }

  #split(): void {
    const raw = this.#raw;
    if (raw === undefined) return;
    this.#raw = undefined;
    this.#text = undefined;
    this.#flags = raw.splitInto(this.#list);
  }
}

/** Returns what `console.log` shows: each field once, with its first spelling; repeated values as a list. */
function shownFields(list: readonly string[]): Record<string, unknown> {
  const names = new Map<string, { readonly name: string; readonly values: object[] }>();
  for (let at = 0; at < list.length; at += STRIDE) {
    const [key, name, value] = list.slice(at, at + STRIDE) as [string, string, string];
    const field = names.get(key) ?? { name, values: [] };
    field.values.push(inspectedField(key, value));
    names.set(key, field);
  }
  const shown: Record<string, unknown> = Object.create(null);
  for (const { name, values } of names.values()) shown[name] = values.length === 1 ? values[0] : values;
  return shown;
}

function serializeWithout(list: readonly string[], flags: number): string {
  let text = '';
  for (let at = 0; at < list.length; at += STRIDE) {
    if (flags !== 0 && (headerFlag(list[at] as string) & flags) !== 0) continue;
    text += `${list[at + 1]}: ${list[at + 2]}\r\n`;
  }
  return text;
}

/**
 * Returns the fields of a valid head, from `start` to the empty line.
 *
 * A repeated Content-Length is reduced to one number: RFC 9110 §8.6 forbids forwarding a repeated one, which the next
 * recipient might interpret differently.
 */
export function headersOf(text: string, start: number, seen: number): HTTPHeaders {
  const headers = HTTPHeaders.fromRaw(text, start, text.length - 2);
  if ((seen & LENGTH_REPEATED) !== 0) {
    const first = /^\d+/.exec(headers.get('content-length') ?? '');
    headers.set('Content-Length', String(Number(first?.[0])));
  }
  return headers;
}
