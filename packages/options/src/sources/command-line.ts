import { shownText } from '@landspout/ioloop/errors';
import type { NamedThing, NameTable } from '../definitions/name-table.ts';
import { GivenValues } from './given.ts';

/** A command line after its names were looked up. */
export interface CommandLine {
  readonly given: GivenValues;
  /** The arguments after the first that is not an option, or after `--`. */
  readonly rest: readonly string[];
  /** The first of `--help` and `--version`. */
  readonly wants: 'help' | 'version' | undefined;
  /** The files of the option for files, in order. */
  readonly configs: readonly string[];
}

/** A number below zero, which is a value and not a letter. */
const NEGATIVE_NUMBER = /^-(?:\d|\.\d)/;

/** `--name`, `--name=value`, `-p`, `-p=value`. */
const OPTION = /^(--?)([^=]*)(?:=(.*))?$/s;

/**
 * Reads options up to `--` or the first argument that is not an option. Messages about unknown options do not contain
 * their values, which may be secret.
 */
export function readCommandLine(argv: readonly string[], names: NameTable): CommandLine {
  const reader = new CommandLineReader(argv, names);
  reader.read();
  return reader;
}

class CommandLineReader implements CommandLine {
  readonly given = new GivenValues();
  readonly configs: string[] = [];
  wants: 'help' | 'version' | undefined;
  rest: readonly string[] = [];
  readonly #argv: readonly string[];
  readonly #names: NameTable;
  #at = 0;

  constructor(argv: readonly string[], names: NameTable) {
    this.#argv = argv;
    this.#names = names;
  }

  read(): void {
    while (this.#at < this.#argv.length) {
      const argument = this.#argv[this.#at] as string;
      if (argument === '--') {
        this.#at += 1;
        break;
      }
      if (!argument.startsWith('-') || argument === '-') break;
      this.#at += 1;
      this.#readOption(argument);
    }
    this.rest = Object.freeze(this.#argv.slice(this.#at));
  }

  #readOption(argument: string): void {
    const [, dashes = '', name = '', value] = OPTION.exec(argument) ?? [];
    const written = `${dashes}${name}`;
    // One dash before a whole name is accepted too, as in Tornado.
    const isLetter = dashes === '-' && name.length === 1;
    const thing = isLetter ? this.#names.findLetter(name) : this.#names.find(name);
    if (thing === undefined) this.#unknown(written, name);
    else this.#found(written, thing, value);
  }

  #found(written: string, thing: NamedThing, value: string | undefined): void {
    switch (thing.kind) {
      case 'help':
      case 'version':
        this.wants ??= thing.kind;
        return;
      case 'config': {
        const path = this.#valueOf(written, value, false);
        if (path !== undefined) this.configs.push(path);
        return;
      }
      case 'negation':
        if (value !== undefined) this.#problem(thing.option.key, written, 'takes no value');
        else this.given.add(thing.option, { ...origin(written), kind: 'texts', texts: ['false'] });
        return;
      case 'file': {
        const path = this.#valueOf(written, value, false, thing.option.key);
        if (path !== undefined) this.given.add(thing.option, { ...origin(written), kind: 'path', path });
        return;
      }
      case 'option': {
        const { option } = thing;
        const { type } = option.definition;
        const isNumber = type === 'integer' || type === 'number';
        const text = option.isFlag ? (value ?? 'true') : this.#valueOf(written, value, isNumber, option.key);
        if (text !== undefined) this.given.add(option, { ...origin(written), kind: 'texts', texts: [text] });
      }
    }
  }

  /** The value after `=`, or the next argument. */
  #valueOf(
    written: string,
    value: string | undefined,
    isNumber: boolean,
    option?: string,
  ): string | undefined {
    if (value !== undefined) return value;
    const next = this.#argv[this.#at];
    if (next === undefined || next === '--') {
      this.#problem(option, written, `needs a value: ${written}=VALUE`);
      return undefined;
    }
    const isNegative = NEGATIVE_NUMBER.test(next);
    if (next.startsWith('-') && next !== '-' && !(isNumber && isNegative)) {
      if (isNegative) this.#at += 1; // was meant as the value
      this.#problem(option, written, `needs a value; one that begins with - is written as ${written}=VALUE`);
      return undefined;
    }
    this.#at += 1;
    return next;
  }

  #unknown(written: string, name: string): void {
    const nearest = name.length > 1 ? this.#names.similar(name) : undefined;
    const remedy = nearest === undefined ? '' : `: did you mean --${nearest}?`;
    const shown = shownText(written).slice(1, -1);
    this.given.problem(undefined, shown, `unknown option ${shown}${remedy}`);
  }

  #problem(option: string | undefined, where: string, what: string): void {
    this.given.problem(option, where, `${where} ${what}`);
  }
}

const origin = (where: string) => ({ source: 'command line', where }) as const;
