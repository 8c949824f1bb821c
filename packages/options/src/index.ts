/**
 * Typed options of a program, from its command line, the environment and JSON files.
 *
 * @packageDocumentation
 */

// Defining and parsing.

export { defineOptions, type HelpOptions, type OptionSet } from './parsing/option-set.ts';
export type { OptionSettings, ParseOptions } from './parsing/option-settings.ts';
export type { ExplainedOption, ParsedOptions } from './parsing/parsed-options.ts';
export type { Environment } from './sources/environment.ts';
export type { OptionSource } from './sources/given.ts';

// The types of definitions and values.

export type {
  CheckedDefinitions,
  DurationUnit,
  OptionDefinition,
  OptionDefinitions,
  OptionGroup,
  OptionType,
  OptionTypes,
  OptionValue,
  OptionValues,
} from './option-types.ts';

// Ready-made definitions.

export {
  type LoggerOfOptions,
  type LoggingValues,
  loggerOf,
  loggingOptions,
  type ProgramLogger,
} from './ready-made/logging-options.ts';
export { serverOptions } from './ready-made/server-options.ts';

// Errors.

export {
  OPTIONS_ERRORS,
  type OptionProblem,
  OptionsError,
  type OptionsErrorCode,
  OptionsHelpError,
  OptionsUsageError,
} from './errors.ts';
