import { similarName } from '@landspout/ioloop/errors';
import { OptionsUsageError } from '../errors.ts';
import { environmentName, flagName } from './names.ts';
import type { Option } from './option.ts';

/** What a name on the command line stands for. */
export type NamedThing =
  | { readonly kind: 'option' | 'negation' | 'file'; readonly option: Option }
  | { readonly kind: 'config' | 'help' | 'version' };

/** What an environment variable stands for. */
export type NamedVariable =
  | { readonly kind: 'option' | 'file'; readonly option: Option }
  | { readonly kind: 'config' };

/** The names besides those of options; `undefined` for what a program does not have. */
export interface ProgramNames {
  readonly config: string | undefined;
  readonly hasVersion: boolean;
  readonly envPrefix: string | undefined;
}

/**
 * All names of a program: those of its options, `--no-name` of flags, `--name-file` of secrets, `--help`, `--version`
 * and the option for files. Each name has one meaning.
 */
export class NameTable {
  readonly #flags = new Map<string, NamedThing>();
  readonly #letters = new Map<string, NamedThing>();
  readonly #variables = new Map<string, NamedVariable>();

  /** @throws OptionsUsageError `ERR_OPTIONS_USAGE` if two things have one name. */
  constructor(options: Iterable<Option>, { config, hasVersion, envPrefix }: ProgramNames) {
    this.#add('help', { kind: 'help' });
    this.#letters.set('h', { kind: 'help' });
    if (hasVersion) this.#add('version', { kind: 'version' });
    if (config !== undefined) this.#add(flagName(config), { kind: 'config' });
    for (const option of options) this.#addOption(option);
    if (config !== undefined && envPrefix !== undefined)
      this.#addVariable(environmentName(envPrefix, flagName(config)), { kind: 'config' });
  }

  /** @param name - without dashes in front; a dash in it may be written as an underscore. */
  find(name: string): NamedThing | undefined {
    return this.#flags.get(flagName(name));
  }

  findLetter(letter: string): NamedThing | undefined {
    return this.#letters.get(letter);
  }

  /** The names on the command line that are similar to an unknown one. */
  similar(name: string): string | undefined {
    return similarName(name, [...this.#flags.keys()]);
  }

  get variables(): ReadonlyMap<string, NamedVariable> {
    return this.#variables;
  }

  #addOption(option: Option): void {
    const { flag, env, fileEnv, definition } = option;
    this.#add(flag, { kind: 'option', option });
    if (option.isFlag) this.#add(`no-${flag}`, { kind: 'negation', option });
    if (option.isSecret) this.#add(`${flag}-file`, { kind: 'file', option });
    if (definition.short !== undefined) {
      const other = this.#letters.get(definition.short);
      if (other !== undefined) throw twice(`-${definition.short}`, option.key, nameOf(other));
      this.#letters.set(definition.short, { kind: 'option', option });
    }
    if (env !== undefined) this.#addVariable(env, { kind: 'option', option });
    if (fileEnv !== undefined) this.#addVariable(fileEnv, { kind: 'file', option });
  }

  #add(flag: string, thing: NamedThing): void {
    const other = this.#flags.get(flag);
    if (other !== undefined) throw twice(`--${flag}`, nameOf(thing), nameOf(other));
    this.#flags.set(flag, thing);
  }

  #addVariable(name: string, variable: NamedVariable): void {
    const other = this.#variables.get(name);
    if (other !== undefined) throw twice(`the environment variable ${name}`, nameOf(variable), nameOf(other));
    this.#variables.set(name, variable);
  }
}

const OWN_NAMES = { config: 'files with options', help: 'the help', version: 'the version' } as const;

function nameOf(thing: NamedThing | NamedVariable): string {
  return 'option' in thing ? thing.option.key : OWN_NAMES[thing.kind];
}

function twice(name: string, one: string, other: string): OptionsUsageError {
  const both = one === other ? `twice for ${one}` : `for ${other} and for ${one}`;
  return new OptionsUsageError('ERR_OPTIONS_USAGE', `defineOptions: ${name} is defined ${both}; rename one`);
}
