import { ProcessUsageError } from './process-errors.ts';

/** What a child runs. */
export interface ChildProgram {
  readonly file: string;
  readonly args: readonly string[];
  /** Options of Node itself, such as `--import`. */
  readonly execArgv: readonly string[];
  /** Added to the variables of the parent. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface ChildProgramOptions {
  /** Arguments of the program. Default: those of this process. */
  readonly args?: readonly string[];
  /** Options of Node itself, such as `--import`. Default: those of this process. */
  readonly execArgv?: readonly string[];
  /** Variables to add to those of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * The program to start.
 *
 * @param file - default: the one that this process runs.
 * @throws ProcessUsageError `ERR_PROCESS_USAGE` when this process runs none, as `node -e` does.
 */
export function resolveProgram(file: string | undefined, options: ChildProgramOptions): ChildProgram {
  const program = file ?? process.argv[1];
  if (program === undefined || program === '-') {
    throw new ProcessUsageError(
      'a program in a file was expected: what node -e or standard input runs cannot be started again',
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
 * The port for the debugger of one child: each has its own, the same one whenever it is started again.
 *
 * @param parentPort - the one of the parent; 0, or none left above it, lets the system choose.
 */
export function inspectPortOf(taskId: number, parentPort: number = process.debugPort): number {
  const port = parentPort + 1 + taskId;
  return parentPort > 0 && port <= 65_535 ? port : 0;
}

/** Whether the children would all open the debugger's port of their parent. */
export function usesInspector(
  execArgv: readonly string[],
  nodeOptions = process.env.NODE_OPTIONS ?? '',
): boolean {
  const option = /--inspect(?:-brk|-port|-wait)?\b|--debug-port\b/;
  return option.test(nodeOptions) || execArgv.some((argument) => option.test(argument));
}
