// The fields room knows header and trailer fields, in both directions, and what some of them hold: cookies, status
// phrases. It does not know how a message is framed on the wire.

import { INSPECT, inspectedField, inspection } from '@landspout/ioloop/inspection';
import { LENGTH_REPEATED } from '../grammar/framing-fields.ts';
import { canonicalHeaderName, checkName, type HeaderName, headerFlag, headerKey } from './header-names.ts';
import { parseField, parseFields, RawFields } from './raw-fields.ts';

/**
 * What headers can be made of: a record, whose values may be lists, or pairs of name and value. The `Headers` of `fetch`
 * are such pairs, and give each Set-Cookie apart.
 */
export type HTTPHeadersInit =
  | HTTPHeaders
  | Readonly<Record<string, string | readonly string[]>>
  | Iterable<readonly [string, string]>;

/** One field is three strings in the list: its key (the name in lower case), its name, its value. */
const STRIDE = 3;

/**
 * The header fields of one message, in order. Lookups ignore case; names keep the spelling they were given.
 *
 * Received headers are one string until something needs more than a few lookups. Headers to be sent keep their
 * serialised form as they grow, so that writing them costs nothing. Lookups scan the list, which beats a map for
 * the sizes that the limits allow; `add` never scans.
 *
 * Every method that takes a name or value for sending throws Http1UsageError, `ERR_HTTP1_HEADER_NAME` or
 * `ERR_HTTP1_HEADER_VALUE`, before it changes anything.
 *
 * @example
 * const headers = new HTTPHeaders().set('Content-Type', 'text/plain').add('Set-Cookie', 'a=1');
 */
export class HTTPHeaders {
  /** Fields in order, {@link STRIDE} strings each. Not filled while {@link #raw} stands for it. */
  #list: string[] = [];
  /** The serialised fields, or undefined after a change other than an append. */
  #text: string | undefined = '';
  /** Bits of `framing-fields.ts` for the fields that frame messages. */
  #flags = 0;
  /** The received block, until it is split. */
  #raw: RawFields | undefined = undefined;

  /** @internal Wraps a block of checked `name: value CRLF` lines. Nothing is split until it is asked for. */
  static fromRaw(raw: string, start: number, end: number): HTTPHeaders {
    const headers = new HTTPHeaders();
    headers.#raw = new RawFields(raw, start, end);
    return headers;
  }

  /**
   * Parses `Name: value` lines, each ended by CRLF (the last one may go without). As strict as the decoder.
   *
   * @throws Http1ProtocolError `ERR_HTTP1_BAD_HEADER` or `ERR_HTTP1_OBS_FOLD`.
   */
  static parse(text: string): HTTPHeaders {
    const headers = new HTTPHeaders();
    parseFields(text, (name, value) => headers.add(name, value));
    return headers;
  }

  /**
   * Makes new headers of other headers, a record or pairs.
   *
   * The `Headers` of `fetch` give names in lower case, and repeated values joined. They may hold controls that must
   * not be sent, and which are refused here.
   */
  static from(init: HTTPHeadersInit): HTTPHeaders {
    if (init instanceof HTTPHeaders) return init.copy();
    const headers = new HTTPHeaders();
    if (Symbol.iterator in init) {
      for (const [name, value] of init as Iterable<readonly [string, string]>) headers.add(name, value);
      return headers;
    }
    // Not Object.entries, which makes an array for each field of each answer.
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
   * with a blank would continue the one before (RFC 9112 §5.2), and is refused.
   *
   * @throws Http1ProtocolError `ERR_HTTP1_BAD_HEADER` or `ERR_HTTP1_OBS_FOLD`; the headers are as before.
   */
  parseLine(line: string): this {
    parseField(line.endsWith('\r\n') ? line.slice(0, -2) : line, (name, value) => this.add(name, value));
    return this;
  }

  /**
   * The value of a field. Repeated ones are joined with `, ` (RFC 9110 §5.3), where Tornado puts a bare comma; those of
   * Cookie with `; ` (RFC 6265 §5.4). Set-Cookie cannot be joined: use {@link getList}.
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

  /** Every value of a field, in order. The list is yours. */
  getList(name: string): string[] {
    const key = headerKey(name);
    const list = this.#fields();
    const values: string[] = [];
    for (let at = 0; at < list.length; at += STRIDE) {
      if (list[at] === key) values.push(list[at + 2] as string);
    }
    return values;
  }

  /** Every field as name and value, in order, in the spelling they came in. */
  getAll(): [string, string][] {
    const list = this.#fields();
    const pairs: [string, string][] = [];
    for (let at = 0; at < list.length; at += STRIDE)
      pairs.push([list[at + 1] as string, list[at + 2] as string]);
    return pairs;
  }

  /** The names, each once, in the order in which they first came, and spelled like `Content-Type`. */
  names(): string[] {
    const list = this.#fields();
    const keys = new Set<string>();
    for (let at = 0; at < list.length; at += STRIDE) keys.add(list[at] as string);
    return Array.from(keys, canonicalHeaderName);
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** Sets a field to one value. It keeps the place of its first value, and loses all others. */
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

  /** Adds one more value, behind all others. Takes the same time however many there are. */
  add(name: string, value: string): this {
    const known = checkName(name);
    return this.#append(known, name, value, known.lineOf(value));
  }

  /** Removes every value of a field. True if there was one. */
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

  /** Number of fields; a repeated one counts each time. */
  get size(): number {
    return this.#fields().length / STRIDE;
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.getAll()[Symbol.iterator]();
  }

  /** Headers of the same fields that change independently. */
  copy(): HTTPHeaders {
    const copy = new HTTPHeaders();
    copy.#list = this.#fields().slice();
    copy.#text = this.#text;
    copy.#flags = this.#flags;
    return copy;
  }

  /** The fields as they go on the wire: `Name: value` and CRLF each. Free while fields were only appended. */
  serialize(): string {
    const list = this.#fields();
    this.#text ??= serializeWithout(list, 0);
    return this.#text;
  }

  toString(): string {
    return this.serialize();
  }

  /** Name and value of every field, in order: pairs, since no record can hold a name twice, and {@link from} reads them. */
  toJSON(): [string, string][] {
    return this.getAll();
  }

  /** The same fields for `fetch`, which joins repeated ones as {@link get} does, and keeps each Set-Cookie apart. */
  toFetch(): Headers {
    return new Headers(this.getAll());
  }

  /** @internal Bits of the fields that frame messages and are set. */
  get framing(): number {
    if (this.#raw !== undefined) this.#split();
    return this.#flags;
  }

  /** @internal The serialised fields without those of `flags`. */
  serializeWithout(flags: number): string {
    return (this.framing & flags) === 0 ? this.serialize() : serializeWithout(this.#list, flags);
  }

  [INSPECT](): object {
    return inspection(this, [], () => shownFields(this.#peek()));
  }

  /** The fields, for a person: without splitting what has come, nor counting as a lookup. */
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

  /** Removes the fields of `key` from `from` on, by moving the others forward: linear however many there are. */
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

/** What `console.log` shows: each field once, under the name that came first; repeated values as a list. */
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
 * The fields of a head that was checked, from `start` to the empty line.
 *
 * Where Content-Length said one number more than once, it says it once here: RFC 9110 §8.6 forbids to pass the
 * repetition on, as whoever reads it next may understand it in another way.
 */
export function headersOf(text: string, start: number, seen: number): HTTPHeaders {
  const headers = HTTPHeaders.fromRaw(text, start, text.length - 2);
  if ((seen & LENGTH_REPEATED) !== 0) {
    const first = /^\d+/.exec(headers.get('content-length') ?? '');
    headers.set('Content-Length', String(Number(first?.[0])));
  }
  return headers;
}
