import { type ParseArgsConfig, parseArgs } from 'node:util';

/** The exit codes of all commands. They are documented in the README and in the help. */
export const EXIT = { success: 0, failure: 1, wrongUsage: 2, status: 22 } as const;

/** A command of the program. Its module is loaded only if it is run. */
export interface Command {
  /** What `--help` prints. */
  readonly help: string;
  /**
   * Runs the command.
   *
   * @param args - what follows the name of the command.
   * @param programUrl - the URL of the built `main.js`, beside which other programs of the package are.
   * @returns the exit code; `help` if the help is wanted; undefined to let the process end by itself.
   * @throws WrongUsage, CommandFailure
   */
  run(args: readonly string[], programUrl: string): Promise<number | 'help' | undefined>;
}

/** The command could not do its work. The message is one line, written for the user. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
}

/** The command line is invalid, and nothing was done. The message is one line, written for the user. */
export class WrongUsage extends Error {
  override readonly name = 'WrongUsage';
}

/** The options of a command, in the form of `parseArgs`. */
export type OptionTable = NonNullable<ParseArgsConfig['options']>;

/** One option or positional of a command line, in the order of the command line. */
export type Argument =
  | { readonly kind: 'option'; readonly name: string; readonly value: string | undefined }
  | { readonly kind: 'positional'; readonly value: string };

/**
 * Splits a command line into its arguments. What follows `--` is positional.
 *
 * @throws WrongUsage if an option is unknown, lacks its value, or has one that it does not take. The message never
 *   contains the value, because it may be a password.
 */
export function splitArguments(args: readonly string[], options: OptionTable): Argument[] {
  const { tokens } = parsed(args, options);
  return tokens.flatMap((token): Argument[] => {
    if (token.kind === 'option') return [{ kind: 'option', name: token.name, value: token.value }];
    return token.kind === 'positional' ? [{ kind: 'positional', value: token.value }] : [];
  });
}

function parsed(args: readonly string[], options: OptionTable) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true, tokens: true });
  } catch (error) {
    const [firstLine = ''] = (error as Error).message.split('\n');
    // Node names the option in quotes, and then explains what positionals are.
    const problem = firstLine.replace(/\.( To specify.*)?$/, '').replaceAll("'", '"');
    throw new WrongUsage(problem.replace(/^./, (letter) => letter.toLowerCase()));
  }
}
