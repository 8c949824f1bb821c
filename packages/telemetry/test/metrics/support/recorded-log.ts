import type { Logger } from '@landspout/ioloop';

export interface Recorded {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly details: object;
  readonly message: string;
}

/** A logger whose records are added to a list. */
export function recorded(log: Recorded[]): Logger {
  const add =
    (level: Recorded['level']) =>
    (details: object, message: string): void =>
      void log.push({ level, details, message });
  return { debug: add('debug'), info: add('info'), warn: add('warn'), error: add('error') };
}
