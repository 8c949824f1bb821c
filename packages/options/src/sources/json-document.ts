/** One member of a JSON object of options. */
export interface JsonMember {
  readonly name: string;
  /** A string, number, boolean, `null`, or an array of these. */
  readonly value: unknown;
  /** From 1. */
  readonly line: number;
}

/** Where a text is not an object of options in JSON. The message contains nothing of the text, which may be secret. */
export class JsonProblem {
  readonly line: number;
  readonly message: string;

  constructor(line: number, message: string) {
    this.line = line;
    this.message = message;
  }
}

const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?|true|false|null/iy;
const SPACE = /[ \t\r\n]*/y;

/**
 * Reads a JSON object whose members are scalars or arrays of scalars, with the line of each member. `JSON.parse` gives
 * no lines, keeps the last of two members of one name, and quotes the text in its errors.
 */
export function readJsonDocument(text: string): readonly JsonMember[] | JsonProblem {
  try {
    return new JsonReader(text).read();
  } catch (error) {
    if (error instanceof JsonProblem) return error;
    throw error;
  }
}

class JsonReader {
  readonly #text: string;
  #at = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  read(): readonly JsonMember[] {
    if (this.#next() !== '{') throw this.#problem('an object of options in braces was expected');
    this.#at += 1;
    const members: JsonMember[] = [];
    const names = new Set<string>();
    for (let isFirst = true; !this.#ends('}', isFirst); isFirst = false) {
      const member = this.#member();
      if (names.has(member.name)) throw this.#problem('the same option is there twice');
      names.add(member.name);
      members.push(member);
    }
    if (this.#next() !== undefined) throw this.#problem('nothing was expected after the object');
    return members;
  }

  #member(): JsonMember {
    if (this.#next() !== '"') throw this.#problem('the name of an option in double quotes was expected');
    const line = this.#line;
    const name = this.#string();
    if (this.#next() !== ':') throw this.#problem('a colon was expected after the name of an option');
    this.#at += 1;
    return { name, line, value: this.#next() === '[' ? this.#array() : this.#scalar() };
  }

  #array(): unknown[] {
    this.#at += 1;
    const items: unknown[] = [];
    for (let isFirst = true; !this.#ends(']', isFirst); isFirst = false) items.push(this.#scalar());
    return items;
  }

  /** Reads the end of an object or array, or the comma before its next part. */
  #ends(end: '}' | ']', isFirst: boolean): boolean {
    const next = this.#next();
    if (next === end) {
      this.#at += 1;
      return true;
    }
    if (isFirst) return false;
    if (next !== ',') throw this.#problem(`a comma or ${end} was expected`);
    this.#at += 1;
    if (this.#next() === end) throw this.#problem(`a comma must not be before ${end}`);
    return false;
  }

  #scalar(): unknown {
    const next = this.#next();
    if (next === '"') return this.#string();
    if (next === '{' || next === '[')
      throw this.#problem('the value of an option is no nested object or list');
    SCALAR.lastIndex = this.#at;
    const [scalar] = SCALAR.exec(this.#text) ?? [];
    if (scalar === undefined)
      throw this.#problem('a value was expected: text in double quotes, a number, true, false');
    this.#at += scalar.length;
    if (/[\w.+-]/.test(this.#text[this.#at] ?? ''))
      throw this.#problem('a number, true or false was expected');
    return this.#parsed(scalar, 'a number, true or false was expected');
  }

  #string(): string {
    const start = this.#at;
    for (let at = start + 1; at < this.#text.length; at += 1) {
      const char = this.#text.charCodeAt(at);
      if (char === BACKSLASH) at += 1;
      else if (char === QUOTE) {
        this.#at = at + 1;
        return this.#parsed(
          this.#text.slice(start, this.#at),
          'an escape in the text is not valid',
        ) as string;
      } else if (char < SPACE_CHAR) break;
    }
    throw this.#problem('the closing quote of a text is missing in its line');
  }

  #parsed(json: string, problem: string): unknown {
    try {
      return JSON.parse(json);
    } catch {
      throw this.#problem(problem);
    }
  }

  /** Skips white space. @returns the next character; `undefined` at the end. */
  #next(): string | undefined {
    SPACE.lastIndex = this.#at;
    const [space = ''] = SPACE.exec(this.#text) ?? [];
    this.#at += space.length;
    this.#line += space.split('\n').length - 1;
    const next = this.#text[this.#at];
    if (next === '/' || next === '#') throw this.#problem('comments are not allowed in JSON');
    return next;
  }

  #problem(message: string): JsonProblem {
    return new JsonProblem(this.#line, message);
  }
}

const BACKSLASH = 0x5c;
const QUOTE = 0x22;
const SPACE_CHAR = 0x20;
