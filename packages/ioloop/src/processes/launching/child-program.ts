import { ProcessUsageError } from './process-errors.ts';

/** The program that a child runs. */
export interface ChildProgram {
  readonly file: string;
  readonly args: readonly string[];
  /** Options of Node itself, such as `--import`. */
  readonly execArgv: readonly string[];
  /** Added to the environment variables of the parent. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface ChildProgramOptions {
  /** Arguments of the program. Default: those of this process. */
  readonly args?: readonly string[];
  /** Options of Node itself, such as `--import`. Default: those of this process. */
  readonly execArgv?: readonly string[];
  /** Environment variables to add to those of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * Resolves the program to start.
 *
 * @param file - default: the program that this process runs.
 * @throws ProcessUsageError `ERR_PROCESS_USAGE` if this process does not run a file, as with `node -e`.
 */
export function resolveProgram(file: string | undefined, options: ChildProgramOptions): ChildProgram {
  const program = file ?? process.argv[1];
  if (program === undefined || program === '-') {
    throw new ProcessUsageError(
      'a program in a file was expected: code from node -e or standard input cannot be started again',
    );
  }
  return {
    file: program,
    args: options.args ?? process.argv.slice(2),
    execArgv: options.execArgv ?? process.execArgv,
    env: options.env ?? {},
  };
}

/**
 * The debugger port of one child. Each child has its own, and a restarted child gets the same one.
 *
 * @param parentPort - the debugger port of the parent. If it is 0, or the port of the child would exceed 65,535, the
 *   system chooses a port.
 */
export function inspectPortOf(taskId: number, parentPort: number = process.debugPort): number {
  const port = parentPort + 1 + taskId;
  return parentPort > 0 && port <= 65_535 ? port : 0;
}

/** Whether the children would inherit the parent's debugger port. */
export function usesInspector(
  execArgv: readonly string[],
  nodeOptions = process.env.NODE_OPTIONS ?? '',
): boolean {
  const option = /--inspect(?:-brk|-port|-wait)?\b|--debug-port\b/;
  return option.test(nodeOptions) || execArgv.some((argument) => option.test(argument));
}
