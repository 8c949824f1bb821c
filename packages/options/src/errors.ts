import { ArgumentChecks, CodedError } from '@landspout/ioloop/errors';

/** The ways in which defining or reading options can fail. */
export const OPTIONS_ERRORS = {
  ERR_OPTIONS_USAGE: {
    meaning:
      'A definition, a setting or an argument is invalid; the program has to be changed. See the message.',
  },
  ERR_OPTIONS_NOT_PARSED: {
    meaning: '`values` was read before `parse` or `parseOrExit` was called; call one of them first.',
  },
  ERR_OPTIONS_INVALID: {
    meaning:
      'The command line, the environment or a file has invalid, unknown or missing options; `problems` lists all.',
  },
  ERR_OPTIONS_HELP: {
    meaning: '`--help` or `--version` was given: print `text` and exit with 0, as `parseOrExit` does.',
  },
} as const satisfies Record<string, { meaning: string }>;

export type OptionsErrorCode = keyof typeof OPTIONS_ERRORS;

/** The program has defined or used its options in a wrong way. Nothing was parsed. */
export class OptionsUsageError extends CodedError<'ERR_OPTIONS_USAGE' | 'ERR_OPTIONS_NOT_PARSED'> {
  override readonly name = 'OptionsUsageError';
}

/** One thing that is wrong with the options that the user of a program has given. */
export interface OptionProblem {
  /** The name of the option in the program; `undefined` if the problem is not about a known option. */
  readonly option: string | undefined;
  /** Where the problem is, such as `--port`, `PORT`, or `app.json:3`; empty if it is in no single place. */
  readonly where: string;
  /** One line that names the place, what was expected, and what came. Secret values are not shown. */
  readonly message: string;
  /** The system's error or that of a `validate` function, if there is one; never that of a secret option. */
  readonly cause?: unknown;
}

/** Maximum number of problems that a message lists. {@link OptionsError.problems} has all. */
const MAX_LISTED = 20;

/** The user of the program has given options that are invalid, unknown or missing. No callback was called. */
export class OptionsError extends CodedError<'ERR_OPTIONS_INVALID'> {
  override readonly name = 'OptionsError';

  /** All that is wrong, in the order of the command line, the environment and the files. */
  readonly problems: readonly OptionProblem[];

  /** @param program - its name, at the beginning of the message. */
  constructor(program: string, problems: readonly OptionProblem[], hint: string) {
    const lines = problems.slice(0, MAX_LISTED).map(({ message }) => message);
    const more = problems.length - lines.length;
    if (more > 0) lines.push(`${more} more problems`);
    const [first = ''] = lines;
    const text =
      lines.length === 1
        ? `${program}: ${first}`
        : `${program}: ${problems.length} problems with the options:${lines.map((line) => `\n  ${line}`).join('')}`;
    const cause = problems.find((problem) => problem.cause !== undefined)?.cause;
    super('ERR_OPTIONS_INVALID', `${text}${hint}`, cause === undefined ? undefined : { cause });
    this.problems = problems;
  }
}

/** The command line asks for the help or the version of the program: not a failure. */
export class OptionsHelpError extends CodedError<'ERR_OPTIONS_HELP'> {
  override readonly name = 'OptionsHelpError';

  /** What to print to standard output; ends with a line break. */
  readonly text: string;

  constructor(option: string, text: string) {
    super('ERR_OPTIONS_HELP', `${option} was given: print the text of this error and exit with 0`);
    this.text = text;
  }
}

/** The checks of this package. */
export const optionsChecks = new ArgumentChecks(
  (problem) => new OptionsUsageError('ERR_OPTIONS_USAGE', problem),
);
