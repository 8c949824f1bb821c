import { onTestFinished } from 'vitest';
import {
  JournalBackplane,
  type JournalBackplaneOptions,
  type LogName,
  type RunSettings,
  type TopicGap,
  type TopicSettings,
} from '../../src/index.ts';
import { copyOfJournal, recordingLogger, removeFolder, scratchFolder } from './scratch.ts';

export const SETTINGS: TopicSettings = {
  maxRecords: 100_000,
  maxBytes: 2 ** 30,
  maxAgeMs: 24 * 60 * 60_000,
  dedupeMs: 120_000,
  maxDedupeIds: 10_000,
};

export const RUN_SETTINGS: RunSettings = {
  maxRecords: 1000,
  maxBytes: 2 ** 20,
  leaseMs: 15_000,
  ttlMs: 60_000,
  maxDurationMs: 600_000,
};

const WHOLE = { maxRecords: 1e6, maxBytes: 2 ** 30 };

/** A folder with a journal that a test opens, kills and opens again. */
export class JournalTrial {
  readonly logger = recordingLogger();
  readonly #options: Partial<JournalBackplaneOptions>;
  readonly #folders: string[] = [];
  readonly #open = new Set<JournalBackplane>();

  constructor(options: Partial<JournalBackplaneOptions> = {}) {
    this.#options = options;
    this.#folders.push(options.folder ?? scratchFolder());
    onTestFinished(async () => {
      for (const backplane of this.#open) await backplane.close();
      for (const folder of this.#folders) removeFolder(folder);
    });
  }

  get folder(): string {
    return this.#folders.at(-1) as string;
  }

  async open(options: Partial<JournalBackplaneOptions> = {}): Promise<JournalBackplane> {
    const { logger, folder } = this;
    const backplane = await JournalBackplane.open({ folder, logger, ...this.#options, ...options });
    this.#open.add(backplane);
    return backplane;
  }

  /** Goes on with the files as a kill would leave them now. */
  async kill(): Promise<void> {
    this.#folders.push(copyOfJournal(this.folder));
    for (const backplane of this.#open) await backplane.close();
    this.#open.clear();
  }

  /** Makes a copy of the files, and goes on with it. The one before is not changed. */
  copy(from = this.folder): string {
    this.#folders.push(copyOfJournal(from));
    return this.folder;
  }

  /** The messages that were logged, each with its level. */
  logged(): string[] {
    return this.logger.lines.map(({ level, message }) => `${level}: ${message}`);
  }
}

export function append(
  backplane: JournalBackplane,
  topic: string,
  data: unknown,
  settings = SETTINGS,
): Promise<string> {
  return backplane.append(topic, { payload: JSON.stringify(data) }, settings);
}

export async function appendAll(
  backplane: JournalBackplane,
  topic: string,
  data: readonly unknown[],
  settings = SETTINGS,
): Promise<string[]> {
  const cursors: string[] = [];
  for (const each of data) cursors.push(await append(backplane, topic, each, settings));
  return cursors;
}

/** Everything that is kept of a log. @param after - a cursor; default: the start. */
export function kept(
  backplane: JournalBackplane,
  log: string | LogName,
  after?: string,
): { readonly data: unknown[]; readonly cursors: string[]; readonly gap: TopicGap['reason'] | undefined } {
  const name: LogName = typeof log === 'string' ? { kind: 'topic', name: log } : log;
  const { records, gap } = backplane.read(name, after === undefined ? { start: true } : { after }, WHOLE);
  return {
    data: records.map(({ data }) => data),
    cursors: records.map(({ cursor }) => cursor),
    gap: gap?.reason,
  };
}

export const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
