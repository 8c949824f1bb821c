import { type OptionNames, optionsProblem } from '@landspout/ioloop/errors';
import { MissingArgumentError, WebUsageError, webChecks } from '../errors.ts';
import type { Arguments } from './url-encoding.ts';

export interface ArgumentOptions {
  /** Whether white space at both ends of a value is removed. Default: true. */
  readonly strip?: boolean;
}

const ARGUMENT_OPTIONS: OptionNames<ArgumentOptions> = { strip: true };

/** The parameters after the name in methods such as `getArgument`. Without a fallback, the argument is required. */
export type SingleRest<Fallback> = [fallback?: Fallback, options?: ArgumentOptions];

/** Decodes the values of arguments; see `RequestHandler.decodeArgument`. */
export interface ArgumentDecoder {
  decodeArgument(value: string, name: string): string;
  /** Returns why the body has no arguments, if known, for the message about a missing argument. */
  missingArgumentHint(): string | undefined;
}

/** Control characters that no text field contains; tabs and line breaks are kept. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it must match control characters.
const CONTROLS = /[\u0000-\u0008\u000e-\u001f]/g;
const NO_OPTIONS: ArgumentOptions = Object.freeze({});

/** Replaces control characters with spaces. */
export function withoutControls(value: string): string {
  return value.replace(CONTROLS, ' ');
}

/** Returns the last value of an argument. @throws MissingArgumentError if it is missing and there is no fallback. */
export function lastArgument<Fallback>(
  decoder: ArgumentDecoder,
  from: Arguments,
  name: string,
  rest: SingleRest<Fallback>,
): string | Fallback {
  if (rest[1] !== undefined) requireOptions(name, rest[1]);
  const value = from.get(name)?.at(-1);
  if (value !== undefined) return finished(decoder, value, name, rest[1] ?? NO_OPTIONS);
  if (rest.length === 0) throw new MissingArgumentError(name, decoder.missingArgumentHint());
  return rest[0] as Fallback;
}

/** Returns all values of an argument. */
export function everyArgument(
  decoder: ArgumentDecoder,
  from: Arguments,
  name: string,
  options: ArgumentOptions = NO_OPTIONS,
): string[] {
  // Passing a fallback here is an easy mistake, because `getArgument` has that parameter.
  if (options !== NO_OPTIONS) requireOptions(name, options);
  return (from.get(name) ?? []).map((value) => finished(decoder, value, name, options));
}

function finished(decoder: ArgumentDecoder, value: string, name: string, options: ArgumentOptions): string {
  const decoded = decoder.decodeArgument(value, name);
  return options.strip === false ? decoded : decoded.trim();
}

function requireOptions(name: string, options: ArgumentOptions): void {
  const problem = optionsProblem(options, ARGUMENT_OPTIONS);
  if (problem !== undefined) throw new WebUsageError('ERR_WEB_USAGE', `argument ${name}: ${problem}`);
  if (options.strip !== undefined) webChecks.boolean(`argument ${name}`, 'strip', options.strip);
}
