import { cpSync, mkdtempSync, rmSync } from 'node:fs';
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

/** Copies a journal as a kill of its process would leave it now. Sockets stay behind, as those of a dead process do. */
export function copyOfJournal(folder: string): string {
  const copy = scratchFolder();
  cpSync(folder, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') });
  return copy;
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
