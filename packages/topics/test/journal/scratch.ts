import { cpSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '@landspout/ioloop';

/** Makes an empty folder for a test. */
export function scratchFolder(): string {
  return mkdtempSync(join(tmpdir(), 'topics-journal-'));
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/**
 * Copies a journal as a kill of its process would leave it now. Sockets stay behind, as those of a dead process do.
 *
 * A call to the system that has begun goes on in another thread meanwhile, and no other begins: the copy is made again
 * until it is that of one moment.
 */
export function copyOfJournal(folder: string): string {
  for (;;) {
    const copy = scratchFolder();
    const before = filesOf(folder);
    try {
      cpSync(folder, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') });
      if (filesOf(folder) === before) return copy;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    removeFolder(copy);
  }
}

/** The names and sizes of the files. */
function filesOf(folder: string): string {
  const sizes = readdirSync(folder).map((name) => {
    const size = statSync(join(folder, name), { throwIfNoEntry: false })?.size;
    return `${name} ${size}`;
  });
  return sizes.sort().join('\n');
}

/** One record that was logged. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** A logger that keeps what it gets. */
export function recordingLogger(): Logger & { readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const add = (level: LogLine['level']) => (details: object, message: string) => {
    lines.push({ level, message, details: { ...details } });
  };
  return { lines, debug: add('debug'), info: add('info'), warn: add('warn'), error: add('error') };
}
