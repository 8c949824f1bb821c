export { JournalBackplane, type JournalStats } from './journal-backplane.ts';
export { JournalError, type JournalErrorOptions } from './journal-error.ts';
export type { JournalBackplaneOptions, JournalDurability } from './journal-options.ts';
