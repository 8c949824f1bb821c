import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A program that runs, and what it has printed. */
export interface RunningProgram {
  readonly child: ChildProcessWithoutNullStreams;
  /** What it has printed to its standard output. */
  output(): Buffer;
  errors(): string;
  /** Resolves when `isTrue` holds for its output, or it has ended. */
  until(isTrue: (output: Buffer) => boolean): Promise<void>;
  /** Resolves with its exit code. */
  readonly closed: Promise<number | null>;
  stop(): Promise<void>;
}

export function startProgram(name: string, options: readonly string[]): RunningProgram {
  const child = spawn(name, options, { stdio: 'pipe' });
  const closed = once(child, 'close').then(([code]) => code as number | null);
  // A program that has failed does not read its input.
  child.stdin.on('error', () => {});
  const pieces: Buffer[] = [];
  let errors = '';
  const waiting = new Set<() => void>();
  child.stdout.on('data', (piece: Buffer) => {
    pieces.push(piece);
    for (const look of waiting) look();
  });
  child.stderr.on('data', (piece: Buffer) => {
    errors += String(piece);
  });
  const output = (): Buffer => Buffer.concat(pieces);
  return {
    child,
    output,
    errors: () => errors,
    closed,
    until: (isTrue) =>
      Promise.race([
        new Promise<void>((resolve) => {
          const look = (): void => {
            if (!isTrue(output())) return;
            waiting.delete(look);
            resolve();
          };
          waiting.add(look);
          look();
        }),
        closed.then(() => {}),
      ]),
    async stop() {
      child.kill();
      await closed;
    },
  };
}
