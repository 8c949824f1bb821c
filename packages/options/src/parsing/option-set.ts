import { basename, extname } from 'node:path';
import { shownText } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { compileOption } from '../definitions/compile-option.ts';
import { NameTable } from '../definitions/name-table.ts';
import { environmentName, flagName } from '../definitions/names.ts';
import { Fault, type Option } from '../definitions/option.ts';
import {
  type OptionProblem,
  OptionsError,
  OptionsHelpError,
  OptionsUsageError,
  optionsChecks,
} from '../errors.ts';
import { helpText } from '../help/help-text.ts';
import type { AnyDefinition, CheckedDefinitions, OptionDefinitions, OptionValues } from '../option-types.ts';
import { readCommandLine } from '../sources/command-line.ts';
import { readEnvironment } from '../sources/environment.ts';
import type { GivenValues } from '../sources/given.ts';
import { readJsonFile } from '../sources/json-file.ts';
import {
  type CheckedSettings,
  checkParseOptions,
  checkSettings,
  type OptionSettings,
  type ParseOptions,
} from './option-settings.ts';
import { ParsedOptions } from './parsed-options.ts';
import { isProblem, type Resolved, resolveOption } from './resolve.ts';

/** The exit code for a wrong command line, by convention. */
const WRONG_USAGE = 2;
/** The width of a terminal that does not tell. */
const DEFAULT_COLUMNS = 80;

export interface HelpOptions {
  /** The width to wrap to, 50 to 100. Default: that of the terminal at standard output, or 80. */
  readonly columns?: number;
}

/**
 * Defines the options of a program.
 *
 * A value is taken from the command line, otherwise from the environment, otherwise from JSON files (the later file
 * wins), otherwise from the default. An option without a default may be `undefined` unless it is `required`; a list is
 * empty and a flag `false`. To add options that others have defined, spread their definitions or call `extend`.
 *
 * @param definitions - by the name in the program. `maxBodySize` is `--max-body-size` on the command line.
 * @throws OptionsUsageError `ERR_OPTIONS_USAGE` if a definition or a setting is invalid, a default does not have the
 *   option's type or violates its limits, or two options have one name on the command line or in the environment.
 *
 * @example
 * const options = defineOptions({
 *   port: { type: 'integer', default: 8888, min: 0, max: 65_535, help: 'the port to listen on', env: 'PORT' },
 *   timeout: { type: 'duration', default: '30s' },
 * });
 * const { values, rest } = options.parseOrExit();
 */
export function defineOptions<const Definitions extends OptionDefinitions>(
  definitions: Definitions & CheckedDefinitions<Definitions>,
  settings: OptionSettings<NoInfer<Definitions>> = {},
): OptionSet<Definitions> {
  return new OptionSet<Definitions>(definitions, [settings]);
}

/** The defined options of a program; made by {@link defineOptions}. */
export class OptionSet<Definitions> {
  /** The definitions as they were passed, for programs that add them to their own. */
  readonly definitions: Definitions;
  readonly #options: readonly Option[];
  readonly #names: NameTable;
  readonly #settings: CheckedSettings;
  /** Those of all sets that this one extends, whose callbacks all run. */
  readonly #allSettings: readonly OptionSettings<never>[];
  #current: OptionValues<Definitions> | undefined;

  /** Use {@link defineOptions}. */
  constructor(definitions: Definitions, allSettings: readonly OptionSettings<never>[]) {
    if (typeof definitions !== 'object' || definitions === null || Array.isArray(definitions))
      throw optionsChecks.wrong('defineOptions', 'an object of definitions', definitions);
    for (const settings of allSettings) checkSettings(settings);
    const settings = checkSettings(Object.assign({}, ...allSettings) as OptionSettings<never>);
    const { envPrefix, configOption, version } = settings;
    const entries = Object.entries(definitions) as [string, AnyDefinition][];
    this.definitions = Object.freeze({ ...definitions });
    this.#options = entries.map(([key, definition]) => compileOption(key, definition, envPrefix));
    this.#names = new NameTable(this.#options, {
      config: configOption === false ? undefined : configOption,
      hasVersion: version !== undefined,
      envPrefix,
    });
    this.#settings = settings;
    this.#allSettings = allSettings;
  }

  /**
   * Adds options to those of this set, for example to the shared ones of several programs.
   *
   * @param settings - replace those of this set, except `validate` and `onParsed`: those of both run.
   * @throws OptionsUsageError `ERR_OPTIONS_USAGE` as `defineOptions`, also if an option exists already. To replace one,
   *   spread `definitions` instead.
   */
  extend<const More extends OptionDefinitions>(
    definitions: More & CheckedDefinitions<More>,
    settings: OptionSettings<Definitions & NoInfer<More>> = {},
  ): OptionSet<Definitions & More> {
    for (const key of Object.keys(definitions)) {
      if (!Object.hasOwn(this.definitions as object, key)) continue;
      throw new OptionsUsageError(
        'ERR_OPTIONS_USAGE',
        `extend: ${key} is defined already; rename one of them`,
      );
    }
    const all = { ...this.definitions, ...definitions } as Definitions & More;
    return new OptionSet(all, [...this.#allSettings, settings as OptionSettings<never>]);
  }

  /**
   * Reads the command line, the environment and the files, and calls the `onParsed` callbacks. Files are read
   * synchronously. Parsing again replaces {@link values}.
   *
   * @throws OptionsError `ERR_OPTIONS_INVALID` with all problems, before any callback is called.
   * @throws OptionsHelpError `ERR_OPTIONS_HELP` if the command line has `--help` or `--version`.
   */
  parse(options: ParseOptions = {}): ParsedOptions<Definitions> {
    const { argv, env } = checkParseOptions(options);
    const { files, maxFileBytes } = this.#settings;
    const line = readCommandLine(argv, this.#names);
    if (line.wants !== undefined) throw new OptionsHelpError(`--${line.wants}`, this.#textFor(line.wants));
    const environment = readEnvironment(env, this.#names);
    const named =
      line.configs.length > 0 ? line.configs : [environment.config].filter((file) => file !== undefined);
    const read = (path: string, isOptional: boolean): GivenValues =>
      readJsonFile(path, this.#names, { isOptional, maxBytes: maxFileBytes });
    const fromFiles = [...files.map((file) => read(file, true)), ...named.map((file) => read(file, false))];
    const sources = [line.given, environment.given, ...fromFiles.toReversed()];
    const problems = [line.given, environment.given, ...fromFiles].flatMap((source) => source.problems);
    if (this.#settings.rest === false && line.rest.length > 0)
      problems.push(this.#unexpected(line.rest[0] ?? ''));
    const resolved = this.#resolve(sources, problems);
    return this.#finish(new ParsedOptions<Definitions>(resolved, line.rest), problems);
  }

  /**
   * Like {@link parse}, for the start of a program: prints the help or the version to standard output and exits with 0,
   * or prints what is wrong to standard error and exits with 2.
   *
   * @throws what an `onParsed` callback throws.
   */
  parseOrExit(options: ParseOptions = {}): ParsedOptions<Definitions> {
    try {
      return this.parse(options);
    } catch (error) {
      if (error instanceof OptionsHelpError) {
        process.stdout.write(error.text);
        process.exit(0);
      }
      if (!(error instanceof OptionsError)) throw error;
      process.stderr.write(`${error.message}\n`);
      process.exit(WRONG_USAGE);
    }
  }

  /**
   * The values of the latest parse, for modules that use the options of their program.
   *
   * @throws OptionsUsageError `ERR_OPTIONS_NOT_PARSED` before the first parse.
   */
  get values(): OptionValues<Definitions> {
    if (this.#current !== undefined) return this.#current;
    const remedy = 'call parse or parseOrExit first, or override in a test';
    throw new OptionsUsageError('ERR_OPTIONS_NOT_PARSED', `values: no options were parsed; ${remedy}`);
  }

  /**
   * Replaces some of the {@link values} until the result is disposed of, for tests. The others are those of the latest
   * parse, or the defaults. Callbacks are not called.
   *
   * @throws OptionsUsageError `ERR_OPTIONS_USAGE` if a value is not valid, or an option is unknown or required and
   *   missing.
   *
   * @example
   * using overridden = options.override({ port: 0 });
   */
  override(values: Partial<OptionValues<Definitions>>): Disposable {
    const known = Object.fromEntries(this.#options.map(({ key }) => [key, true]));
    optionsChecks.options<object>('override', values, known as never);
    const before = this.#current;
    const resolved = new Map<Option, Resolved>();
    for (const option of this.#options) resolved.set(option, this.#overridden(option, values, before));
    this.#current = new ParsedOptions<Definitions>(resolved, []).values;
    return {
      [Symbol.dispose]: () => {
        this.#current = before;
      },
    };
  }

  /** Formats the help; ends with a line break. */
  help(options: HelpOptions = {}): string {
    const { columns = process.stdout.columns ?? DEFAULT_COLUMNS } = options;
    const { description, rest, files, configOption, version, envPrefix } = this.#settings;
    const config = configOption === false ? undefined : flagName(configOption);
    const hasEnv = config !== undefined && envPrefix !== undefined;
    const subject = {
      ...{ program: this.#program, description, files, config, hasVersion: version !== undefined },
      rest: rest === false ? undefined : rest,
      configEnv: hasEnv ? environmentName(envPrefix, config) : undefined,
      options: this.#options,
    };
    return helpText(subject, optionsChecks.wholeNumber('help', 'columns', columns, 1));
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      program: this.#program,
      options: this.#options.map(({ flag }) => `--${flag}`),
      definitions: undefined, // may have secrets as defaults
    }));
  }

  get #program(): string {
    const file = process.argv[1] ?? 'program';
    return this.#settings.program ?? basename(file, extname(file));
  }

  #textFor(wants: 'help' | 'version'): string {
    return wants === 'help' ? this.help() : `${this.#settings.version}\n`;
  }

  #resolve(sources: readonly GivenValues[], problems: OptionProblem[]): ReadonlyMap<Option, Resolved> {
    const maps = sources.map(({ values }) => values);
    const resolved = new Map<Option, Resolved>();
    for (const option of this.#options) {
      const result = resolveOption(option, maps);
      if (!isProblem(result)) resolved.set(option, result);
      // A value that was already refused is not also missing.
      else if (result.where !== '' || !problems.some((problem) => problem.option === option.key))
        problems.push(result);
    }
    return resolved;
  }

  #finish(parsed: ParsedOptions<Definitions>, problems: OptionProblem[]): ParsedOptions<Definitions> {
    const values = parsed.values as OptionValues<never>;
    if (problems.length === 0) {
      for (const { validate } of this.#allSettings) {
        const message = validate?.(values);
        if (message !== undefined) problems.push({ option: undefined, where: '', message });
      }
    }
    if (problems.length > 0) throw new OptionsError(this.#program, problems, `\nSee ${this.#program} --help`);
    this.#current = parsed.values;
    for (const { key, definition } of this.#options) {
      const value = (values as Readonly<Record<string, unknown>>)[key];
      if (value !== undefined) definition.onParsed?.(value);
    }
    for (const settings of this.#allSettings) settings.onParsed?.(values);
    return parsed;
  }

  #overridden(option: Option, values: object, before: object | undefined): Resolved {
    const given = (values as Readonly<Record<string, unknown>>)[option.key];
    const origin = { source: 'override', where: '' } as const;
    if (given === undefined && before !== undefined)
      return { value: (before as Readonly<Record<string, unknown>>)[option.key], origin };
    const value = given === undefined ? option.defaultValue() : option.fromProgram(given);
    const problem = value instanceof Fault ? value.message : 'a value was expected, because it is required';
    if (value instanceof Fault || (value === undefined && option.definition.required === true))
      throw new OptionsUsageError('ERR_OPTIONS_USAGE', `override: ${option.key}: ${problem}`);
    return { value, origin };
  }

  #unexpected(argument: string): OptionProblem {
    const remedy = argument.includes('=') ? '; options begin with --' : '';
    const message = `no argument was expected after the options, not ${shownText(argument)}${remedy}`;
    return { option: undefined, where: '', message };
  }
}
