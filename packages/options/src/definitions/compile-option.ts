import { shownText } from '@landspout/ioloop/errors';
import { OptionsUsageError, optionsChecks } from '../errors.ts';
import type { AnyDefinition, OptionType } from '../option-types.ts';
import { DURATION_UNITS } from '../values/duration.ts';
import { environmentName, flagName } from './names.ts';
import { Fault, Option } from './option.ts';

const COMMON_FIELDS = {
  ...{ type: true, help: true, metavar: true, group: true, short: true, env: true, required: true },
  ...{ secret: true, multiple: true, maxItems: true, default: true, validate: true, onParsed: true },
} as const;

/** The fields of a definition besides those that all have. */
const TYPE_FIELDS: Readonly<Record<OptionType, Readonly<Record<string, true>>>> = {
  string: { choices: true, pattern: true },
  integer: { choices: true, min: true, max: true },
  number: { choices: true, min: true, max: true },
  boolean: {},
  date: { utc: true },
  duration: { min: true, max: true, unit: true },
  size: { min: true, max: true },
  url: { protocols: true },
};

const TYPES = Object.keys(TYPE_FIELDS) as readonly OptionType[];

/** A name that is a property in code without quotes, or one with dashes as on the command line. */
const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,99}$/;
/** Names with a meaning for `await` and `JSON.stringify`, which the object of values must not have. */
const RESERVED: ReadonlySet<string> = new Set(['then', 'toJSON']);
const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The most items that a list may have: some megabytes. */
const MOST_ITEMS = 1_000_000;

/**
 * Checks a definition.
 *
 * @throws OptionsUsageError `ERR_OPTIONS_USAGE`
 */
export function compileOption(key: string, definition: AnyDefinition, envPrefix: string | undefined): Option {
  if (!NAME.test(key) || RESERVED.has(key)) {
    const expected = 'a name of letters, digits, _ and - that begins with a letter';
    throw usage(
      `defineOptions: ${expected}${RESERVED.has(key) ? `, other than ${key},` : ''} was expected, not ${shownText(key)}`,
    );
  }
  const operation = `defineOptions: ${key}`;
  requireFields(operation, definition);
  const flag = flagName(key);
  const { env = envPrefix === undefined ? false : environmentName(envPrefix, flag) } = definition;
  if (env !== false && (typeof env !== 'string' || !ENVIRONMENT_NAME.test(env)))
    throw optionsChecks.wrong(operation, 'env: the name of an environment variable, or false,', env);
  const option = new Option({ key, flag, env: env === false ? undefined : env }, definition);
  requireLimits(operation, option);
  requireDefault(operation, option);
  return option;
}

function requireFields(operation: string, definition: AnyDefinition): void {
  const known = { ...COMMON_FIELDS, ...TYPE_FIELDS[definition?.type] };
  optionsChecks.options<object>(operation, definition, known as never);
  optionsChecks.oneOf(operation, 'type', definition.type, TYPES);
  for (const name of ['help', 'metavar', 'group'] as const) {
    const text = definition[name];
    if (text !== undefined && typeof text !== 'string')
      throw optionsChecks.wrong(operation, `${name}: a string`, text);
  }
  for (const name of ['required', 'secret', 'multiple', 'utc'] as const) {
    if (definition[name] !== undefined) optionsChecks.boolean(operation, name, definition[name]);
  }
  for (const name of ['validate', 'onParsed'] as const) {
    if (definition[name] !== undefined) optionsChecks.callback(operation, name, definition[name]);
  }
  requireTypeFields(operation, definition);
}

function requireTypeFields(operation: string, definition: AnyDefinition): void {
  const { short, maxItems, unit, pattern, protocols, choices } = definition;
  if (short !== undefined && !/^[A-Za-z]$/.test(short))
    throw optionsChecks.wrong(operation, 'short: one letter', short);
  if (maxItems !== undefined) {
    optionsChecks.wholeNumber(operation, 'maxItems', maxItems, 1, MOST_ITEMS);
    if (definition.multiple !== true)
      throw usage(`${operation}: maxItems is for options with multiple: true`);
  }
  if (unit !== undefined) optionsChecks.oneOf(operation, 'unit', unit, DURATION_UNITS);
  if (pattern !== undefined && !(pattern instanceof RegExp))
    throw optionsChecks.wrong(operation, 'pattern: a RegExp', pattern);
  if (protocols !== undefined) {
    const isList = Array.isArray(protocols) && protocols.length > 0;
    if (!isList || !protocols.every((one) => /^[a-z][a-z0-9+.-]*:$/.test(one)))
      throw optionsChecks.wrong(operation, "protocols: a list such as ['https:']", protocols.at(0));
  }
  if (choices !== undefined && (!Array.isArray(choices) || choices.length === 0))
    throw optionsChecks.wrong(operation, 'choices: a list of at least one value', choices);
}

function requireLimits(operation: string, option: Option): void {
  const { min, max } = option.limits;
  for (const [name, limit] of Object.entries({ min, max })) {
    if (limit === undefined) continue;
    const written = option.definition[name as 'min' | 'max'];
    const isText = typeof written === 'string' && !option.type.hasText;
    if (isText || Number.isNaN(limit) || !option.type.accepts(limit))
      throw optionsChecks.wrong(operation, `${name}: ${option.type.written}`, written);
  }
  if (min !== undefined && max !== undefined && min > max)
    throw usage(`${operation}: min must not be larger than max`);
  for (const choice of option.definition.choices ?? []) {
    if (!option.type.accepts(choice))
      throw optionsChecks.wrong(operation, `choices: ${option.type.written}`, choice);
  }
}

function requireDefault(operation: string, option: Option): void {
  const { default: written, required } = option.definition;
  if (written === undefined) return;
  if (required === true)
    throw usage(`${operation}: an option with a default is never required; remove one of them`);
  const value = option.fromProgram(written);
  if (value instanceof Fault) throw usage(`${operation}: default: ${value.message}`, value.cause);
}

function usage(message: string, cause?: unknown): OptionsUsageError {
  return new OptionsUsageError('ERR_OPTIONS_USAGE', message, cause === undefined ? undefined : { cause });
}
