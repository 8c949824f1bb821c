import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const PROGRAM = fileURLToPath(new URL('fixtures/journal-program.mjs', import.meta.url));

/** A process with a journal, which prints one JSON object in each line. */
export class RunningProgram<Line extends object> {
  readonly process: ChildProcess;
  readonly lines: Line[] = [];
  readonly ended: Promise<number | NodeJS.Signals | null>;
  #changed: (() => void) | undefined;

  /** @param shell - a command that starts the program as `"$@"`. Default: it is started directly. */
  constructor(args: readonly string[], shell?: string) {
    const command = [process.execPath, PROGRAM, ...args];
    const [file = '', ...rest] = shell === undefined ? command : ['/bin/sh', '-c', shell, 'sh', ...command];
    this.process = spawn(file, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
    const { stdout } = this.process;
    if (stdout !== null) {
      createInterface(stdout).on('line', (line) => {
        this.lines.push(JSON.parse(line) as Line);
        this.#changed?.();
      });
    }
    this.ended = new Promise((resolve) => {
      this.process.once('close', (code, signal) => resolve(signal ?? code));
    });
    onTestFinished(() => void this.process.kill('SIGKILL'));
  }

  /** Waits until it has printed this many lines. */
  async printed(count: number): Promise<readonly Line[]> {
    while (this.lines.length < count) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
    return this.lines;
  }
}
