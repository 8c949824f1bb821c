import { errorOf, shownText, shownValue, similarName } from '@landspout/ioloop/errors';
import { maskedUrl } from '@landspout/ioloop/inspection';
import type { AnyDefinition } from '../option-types.ts';
import { parseRange, splitList } from '../values/list.ts';
import { Refusal } from '../values/refusal.ts';
import { rangeText, VALUE_TYPES, type ValueType } from '../values/value-types.ts';

/** Shown instead of a secret. */
export const MASK = '(masked)';

/** Maximum number of items of a list unless its definition says otherwise: enough for people, too few to fill memory. */
const MAX_ITEMS = 1_000;

/** What is wrong with a value, in words that follow the place where it is. */
export class Fault {
  readonly message: string;
  readonly cause: unknown;

  constructor(message: string, cause?: unknown) {
    this.message = message;
    this.cause = cause;
  }
}

/** What an option is apart from its definition. */
export interface OptionIdentity {
  /** The name of its property. */
  readonly key: string;
  /** The name on the command line, such as `max-body-size`. */
  readonly flag: string;
  readonly env: string | undefined;
}

/** One option with a checked definition: makes values of texts and of JSON, and shows them. */
export class Option {
  readonly key: string;
  readonly flag: string;
  readonly env: string | undefined;
  readonly definition: AnyDefinition;
  readonly type: ValueType;
  readonly #limits: { readonly min: number | undefined; readonly max: number | undefined };

  /** @param definition - checked by `compileOption`. */
  constructor({ key, flag, env }: OptionIdentity, definition: AnyDefinition) {
    this.key = key;
    this.flag = flag;
    this.env = env;
    this.definition = definition;
    this.type = VALUE_TYPES[definition.type];
    this.#limits = { min: this.#limit(definition.min), max: this.#limit(definition.max) };
  }

  get isList(): boolean {
    return this.definition.multiple === true;
  }

  get isSecret(): boolean {
    return this.definition.secret === true;
  }

  /** Whether `--name` without a value is `true`. */
  get isFlag(): boolean {
    return this.definition.type === 'boolean' && !this.isList;
  }

  /** The environment variable that names a file with the value; `undefined` if there is none. */
  get fileEnv(): string | undefined {
    return this.isSecret && this.env !== undefined ? `${this.env}_FILE` : undefined;
  }

  /** What stands for the value in the help. */
  get metavar(): string {
    const { metavar, choices } = this.definition;
    const one = metavar ?? choices?.join('|') ?? this.type.metavar;
    return this.isList && metavar === undefined ? `${one},...` : one;
  }

  /** Makes the value of texts; those of a list come from a repeated option. */
  fromTexts(texts: readonly string[]): unknown | Fault {
    if (!this.isList) return this.#itemOfText(texts.at(-1) ?? '');
    const items: unknown[] = [];
    for (const text of texts.flatMap(splitList)) {
      const range = this.definition.type === 'integer' ? parseRange(text, this.maxItems) : undefined;
      if (range instanceof Refusal) return this.#refused(range, text);
      for (const item of range ?? [undefined]) {
        const value = item === undefined ? this.#itemOfText(text) : this.check(item);
        if (value instanceof Fault) return value;
        if (items.push(value) > this.maxItems) return this.#tooMany();
      }
    }
    return Object.freeze(items);
  }

  /** Makes the value of what a JSON file has. */
  fromJson(value: unknown): unknown | Fault {
    if (!this.isList || typeof value === 'string') return this.#valueOfJson(value);
    if (!Array.isArray(value)) return new Fault(`a list was expected, not ${this.#shownJson(value)}`);
    if (value.length > this.maxItems) return this.#tooMany();
    const items: unknown[] = [];
    for (const item of value) {
      const made = this.#itemOfJson(item);
      if (made instanceof Fault) return made;
      items.push(made);
    }
    return Object.freeze(items);
  }

  /** Makes the value of one that the program has given: a default, or a value for a test. */
  fromProgram(value: unknown): unknown | Fault {
    if (!this.isList) return this.#itemOfProgram(value);
    if (!Array.isArray(value)) return new Fault(`an array was expected, not ${shownValue(value)}`);
    if (value.length > this.maxItems) return this.#tooMany();
    const items = value.map((item) => this.#itemOfProgram(item));
    return items.find((item) => item instanceof Fault) ?? Object.freeze(items);
  }

  /** The default; a new object each time. `undefined` if there is none. */
  defaultValue(): unknown {
    const { default: written, required } = this.definition;
    if (written !== undefined) return this.fromProgram(written);
    if (required === true) return undefined;
    if (this.isList) return Object.freeze([]);
    return this.isFlag ? false : undefined;
  }

  /** Formats a value for the help and for `explain`; secrets are masked. */
  show(value: unknown): string {
    if (value === undefined) return '';
    if (this.isSecret) return MASK;
    return this.isList
      ? (value as readonly unknown[]).map((item) => this.type.show(item)).join(',')
      : this.type.show(value);
  }

  get maxItems(): number {
    return this.definition.maxItems ?? MAX_ITEMS;
  }

  /** Checks an item of the right type against the limits of the definition, and returns it. */
  check(item: unknown): unknown | Fault {
    const { choices, pattern } = this.definition;
    if (choices !== undefined && !choices.includes(item as string)) {
      const nearest = similarName(String(item), choices.map(String));
      const remedy = nearest === undefined ? undefined : `did you mean ${nearest}?`;
      return this.#refused(new Refusal(choices.join(' or '), remedy), item);
    }
    const { min = -Infinity, max = Infinity } = this.#limits;
    if (typeof item === 'number' && (item < min || item > max))
      return this.#refused(new Refusal(this.#range()), item);
    // `search` starts at the beginning, also if the expression has the flag g.
    if (pattern !== undefined && String(item).search(pattern) === -1)
      return this.#refused(new Refusal(`text that matches ${pattern}`), item);
    return this.#validated(item);
  }

  #itemOfText(text: string): unknown | Fault {
    const item = this.type.parse(text, this.definition);
    return item instanceof Refusal ? this.#refused(item, text) : this.check(item);
  }

  #valueOfJson(value: unknown): unknown | Fault {
    return typeof value === 'string' && (this.isList || this.definition.type !== 'string')
      ? this.fromTexts([value])
      : this.#itemOfJson(value);
  }

  #itemOfJson(value: unknown): unknown | Fault {
    if (this.type.acceptsJson(value, this.definition)) return this.check(value);
    if (typeof value === 'string') return this.#itemOfText(value);
    // A number becomes text that is parsed, so that it is refused or has a unit as on the command line.
    if (typeof value === 'number' && this.definition.type === 'duration')
      return this.#itemOfText(String(value));
    const remedy = this.definition.type === 'string' ? '; write it in quotes' : '';
    return new Fault(`${this.type.written} was expected, not ${this.#shownJson(value)}${remedy}`);
  }

  #itemOfProgram(value: unknown): unknown | Fault {
    if (this.type.accepts(value)) return this.check(copyOf(value));
    if (this.type.hasText && typeof value === 'string') return this.#itemOfText(value);
    const shown = this.isSecret ? '; the value is not shown' : `, not ${shownValue(value)}`;
    return new Fault(`${this.type.written} was expected${shown}`);
  }

  #validated(item: unknown): unknown | Fault {
    if (this.definition.validate === undefined) return item;
    try {
      const problem = this.definition.validate(item);
      if (problem === undefined || problem === true) return item;
      return new Fault(this.#masked(typeof problem === 'string' ? problem : 'is not valid', item));
    } catch (thrown) {
      const error = errorOf(thrown);
      return new Fault(this.#masked(error.message, item), this.isSecret ? undefined : error);
    }
  }

  /** A message of the program may quote the value. */
  #masked(message: string, item: unknown): string {
    const text = String(item);
    return this.isSecret && text !== '' ? message.replaceAll(text, MASK) : message;
  }

  #refused({ expected, remedy }: Refusal, value: unknown): Fault {
    if (this.isSecret) return new Fault(`${expected} was expected; the value is not shown`);
    const isUrl = this.definition.type === 'url';
    const text = isUrl && typeof value === 'string' ? maskedUrl(value) : value;
    const shown = typeof text === 'string' ? shownText(text) : this.type.show(text);
    return new Fault(`${expected} was expected, not ${shown}${remedy === undefined ? '' : `; ${remedy}`}`);
  }

  #tooMany(): Fault {
    return new Fault(`a list of at most ${this.maxItems} items was expected`);
  }

  #shownJson(value: unknown): string {
    if (this.isSecret) return 'a value of another type';
    return value === null ? 'null (leave the option out)' : shownValue(value);
  }

  #range(): string {
    const { type } = this.definition;
    const noun = type === 'duration' || type === 'size' ? `a ${type}` : this.type.written;
    const { min, max } = this.#limits;
    return `${noun}${rangeText(min, max, (limit) => this.type.show(limit))}`;
  }

  /** A limit of a duration or size may be text; `compileOption` has checked it. */
  #limit(written: number | string | undefined): number | undefined {
    if (typeof written !== 'string') return written;
    const parsed = this.type.parse(written, this.definition);
    return parsed instanceof Refusal ? Number.NaN : (parsed as number);
  }

  /** The smallest and the largest value. `NaN` if its text cannot be read. */
  get limits(): { readonly min: number | undefined; readonly max: number | undefined } {
    return this.#limits;
  }
}

/** The program keeps the objects that it has passed, and each parse returns new ones. */
function copyOf(value: unknown): unknown {
  if (value instanceof Date) return new Date(value);
  return value instanceof URL ? new URL(value) : value;
}
