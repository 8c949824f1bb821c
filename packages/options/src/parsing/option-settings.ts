import type { OptionNames } from '@landspout/ioloop/errors';
import { optionsChecks } from '../errors.ts';
import type { OptionValues } from '../option-types.ts';
import type { Environment } from '../sources/environment.ts';

/** What a program says of itself and of where its options come from. */
export interface OptionSettings<Definitions> {
  /** The name in the help and in errors. Default: the name of the file that runs, without its extension. */
  readonly program?: string;
  /** What the program does, after the usage line of the help. */
  readonly description?: string;
  /** What `--version` prints. Default: none, and no such option. */
  readonly version?: string;
  /**
   * What may follow the options, such as `FILE...`, for the help; `false` if nothing may, so that such an argument is
   * refused. Default: anything may, and the help does not mention it.
   */
  readonly rest?: string | false;
  /**
   * Gives each option an environment variable: with `APP`, that of `maxBodySize` is `APP_MAX_BODY_SIZE`. Default: only
   * options with `env` have one.
   */
  readonly envPrefix?: string;
  /** JSON files that are read if they exist; a later one wins over an earlier one. Default: none. */
  readonly files?: readonly string[];
  /** The name of the option for JSON files; `false` for none. Default: `config`. */
  readonly configOption?: string | false;
  /** Maximum size of a JSON file in bytes. Default: 1 MiB. */
  readonly maxFileBytes?: number;
  /**
   * Checks values that are each valid, such as two that exclude each other.
   *
   * @returns what is wrong; `undefined` if nothing is.
   */
  validate?(values: OptionValues<Definitions>): string | undefined;
  /** Called after each successful parse, after the `onParsed` of the options. */
  onParsed?(values: OptionValues<Definitions>): void;
}

const SETTINGS: OptionNames<OptionSettings<unknown>> = {
  ...{ program: true, description: true, version: true, rest: true, envPrefix: true, files: true },
  ...{ configOption: true, maxFileBytes: true, validate: true, onParsed: true },
};

const MEBIBYTE = 1024 * 1024;
const MOST_FILE_BYTES = 64 * MEBIBYTE;

/** The settings as they are used. */
export interface CheckedSettings extends OptionSettings<never> {
  readonly files: readonly string[];
  readonly configOption: string | false;
  readonly maxFileBytes: number;
}

/** @throws OptionsUsageError `ERR_OPTIONS_USAGE` */
export function checkSettings<Definitions>(settings: OptionSettings<Definitions>): CheckedSettings {
  const operation = 'defineOptions';
  optionsChecks.options<OptionSettings<unknown>>(operation, settings as OptionSettings<unknown>, SETTINGS);
  const { files = [], configOption = 'config', maxFileBytes = MEBIBYTE, envPrefix, rest } = settings;
  for (const name of ['program', 'description', 'version'] as const) {
    if (settings[name] !== undefined && typeof settings[name] !== 'string')
      throw optionsChecks.wrong(operation, `${name}: a string`, settings[name]);
  }
  if (rest !== undefined && rest !== false && typeof rest !== 'string')
    throw optionsChecks.wrong(operation, 'rest: a string such as FILE..., or false,', rest);
  if (envPrefix !== undefined && !/^(?:[A-Za-z_][A-Za-z0-9_]*)?$/.test(envPrefix))
    throw optionsChecks.wrong(operation, 'envPrefix: a prefix of letters, digits and _', envPrefix);
  if (!Array.isArray(files) || files.some((file) => typeof file !== 'string' || file === ''))
    throw optionsChecks.wrong(operation, 'files: an array of paths', files);
  if (configOption !== false && !/^[A-Za-z][A-Za-z0-9_-]*$/.test(configOption))
    throw optionsChecks.wrong(operation, 'configOption: a name, or false,', configOption);
  optionsChecks.wholeNumber(operation, 'maxFileBytes', maxFileBytes, 1, MOST_FILE_BYTES);
  for (const name of ['validate', 'onParsed'] as const) {
    if (settings[name] !== undefined) optionsChecks.callback(operation, name, settings[name]);
  }
  return { ...(settings as unknown as OptionSettings<never>), files, configOption, maxFileBytes };
}

/** Where a parse reads from. */
export interface ParseOptions {
  /** The arguments of the program. Default: `process.argv` without Node and the file that runs. */
  readonly argv?: readonly string[];
  /** The environment. Default: `process.env`. */
  readonly env?: Environment;
}

const PARSE_OPTIONS: OptionNames<ParseOptions> = { argv: true, env: true };

/** @throws OptionsUsageError `ERR_OPTIONS_USAGE` */
export function checkParseOptions(options: ParseOptions): Required<ParseOptions> {
  optionsChecks.options('parse', options, PARSE_OPTIONS);
  const { argv = process.argv.slice(2), env = process.env } = options;
  if (!Array.isArray(argv) || argv.some((argument) => typeof argument !== 'string'))
    throw optionsChecks.wrong('parse', 'argv: an array of strings', argv);
  if (typeof env !== 'object' || env === null) throw optionsChecks.wrong('parse', 'env: an object', env);
  return { argv, env };
}
