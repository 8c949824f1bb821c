import { Fault, type Option } from '../definitions/option.ts';
import type { OptionProblem } from '../errors.ts';
import type { Given, Origin } from '../sources/given.ts';
import { readTextFile, TextFileProblem } from '../sources/text-file.ts';

/** Passwords, tokens and keys are smaller. */
const MAX_SECRET_BYTES = 64 * 1024;

/** The value of an option, and where it is from. */
export interface Resolved {
  readonly value: unknown;
  readonly origin: Origin;
}

/**
 * Makes the value of an option from the first source that has one, or takes the default.
 *
 * @returns the value; a problem if the value is not valid, or if it is required and missing.
 */
export function resolveOption(
  option: Option,
  sources: readonly ReadonlyMap<Option, Given>[],
): Resolved | OptionProblem {
  for (const source of sources) {
    const given = source.get(option);
    if (given !== undefined) return resolveGiven(option, given);
  }
  const value = option.defaultValue();
  if (option.definition.required !== true) return { value, origin: { source: 'default', where: '' } };
  return { option: option.key, where: '', message: `--${option.flag} is required${remedyOf(option)}` };
}

export const isProblem = (resolved: Resolved | OptionProblem): resolved is OptionProblem =>
  'message' in resolved;

function resolveGiven(option: Option, given: Given): Resolved | OptionProblem {
  const { source, where } = given;
  const value = givenValue(option, given);
  const isEmpty =
    option.isList && option.definition.required === true && (value as readonly unknown[]).length === 0;
  const fault = isEmpty ? new Fault('at least one item was expected') : value;
  if (!(fault instanceof Fault)) return { value, origin: { source, where } };
  // A place in a file does not name the option.
  const place = source === 'file' ? `${where}: ${option.key}` : where;
  const { message, cause } = fault;
  return {
    ...{ option: option.key, where, message: `${place}: ${message}` },
    ...(cause === undefined ? {} : { cause }),
  };
}

function givenValue(option: Option, given: Given): unknown | Fault {
  switch (given.kind) {
    case 'texts':
      return option.fromTexts(given.texts);
    case 'json':
      return option.fromJson(given.json);
    case 'path': {
      const text = readTextFile(given.path, MAX_SECRET_BYTES);
      if (text instanceof TextFileProblem) return new Fault(`the file ${text.message}`, text.cause);
      // Editors and `echo` end a file with a line break, which is not part of the secret.
      return option.fromTexts([text.replace(/\r?\n$/, '')]);
    }
  }
}

function remedyOf({ flag, metavar, isFlag, env }: Option): string {
  const argument = isFlag ? `--${flag}` : `--${flag}=${metavar}`;
  return `: pass ${argument}${env === undefined ? '' : `, or set ${env}`}`;
}
