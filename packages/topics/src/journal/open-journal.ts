import { randomBytes } from 'node:crypto';
import type { Logger } from '@landspout/ioloop';
import { RateLimitedLog } from '@landspout/ioloop/reactor';
import type { LogEntry } from '../logs/log-entry.ts';
import type { LogStore } from '../logs/log-store.ts';
import { Compaction } from './compaction.ts';
import { JOURNAL_ID_BYTES } from './file-header.ts';
import { FileWriter } from './file-writer.ts';
import { FolderLock } from './folder-lock.ts';
import type { JournalClock } from './journal-clock.ts';
import { JournalError } from './journal-error.ts';
import { type JournalFiles, JournalFolder } from './journal-folder.ts';
import type { JournalRules } from './journal-options.ts';
import { type Damage, Recovery } from './recovery.ts';
import { type ChainStart, SegmentChain } from './segment-chain.ts';

/** A journal whose logs are in memory, and which can be written. */
export interface OpenJournal {
  readonly folder: JournalFolder;
  readonly lock: FolderLock;
  readonly chain: SegmentChain;
  readonly compaction: Compaction;
  readonly log: RateLimitedLog;
  /** The version that has written the journal, if it is newer: then it must not be written to. */
  readonly newerVersion: number | undefined;
  /** What was dropped because the limits are lower than those of the process before. It is not in the files. */
  readonly unwritten: readonly LogEntry[];
}

/**
 * Opens a journal, and makes its logs again in an empty store.
 *
 * @throws JournalError. Then nothing stays open.
 */
export async function openJournal(
  rules: JournalRules,
  store: LogStore,
  clock: JournalClock,
): Promise<OpenJournal> {
  const folder = await JournalFolder.open(rules.folder).catch(asOpenError(rules.folder));
  let lock: FolderLock | undefined;
  let chain: SegmentChain | undefined;
  try {
    lock = await FolderLock.acquire(folder);
    const files = await folder.list();
    const recovery = new Recovery(folder, store, clock, rules.logger, rules.repair);
    await recovery.read(files);
    clock.start();
    const { replay, damage, newerVersion } = recovery;
    const isRecovered = !replay.isClosed || damage !== undefined;
    // Producers were part of the process before.
    store.runs.endLeases();
    if (isRecovered) store.endEpochs();
    const unwritten = await store.fit();
    if (newerVersion === undefined) for (const name of files.obsolete) await folder.remove(name);
    else warnOfVersion(rules.logger, folder, newerVersion, replay.unknownTypes);
    const format = {
      folder,
      journalId: recovery.journalId ?? randomBytes(JOURNAL_ID_BYTES),
      segmentBytes: rules.segmentBytes,
      isDurable: rules.durability !== 'process',
      clock,
    };
    chain = new SegmentChain(format, await chainStart(folder, files, recovery, isRecovered));
    const log = new RateLimitedLog({ logger: rules.logger, clock: rules.clock });
    const compaction = new Compaction(store, chain, log);
    if (damage !== undefined) await keepDamaged(folder, files, damage, rules.logger);
    if (newerVersion === undefined && (damage !== undefined || replay.isBaseAhead)) await compaction.renew();
    return { folder, lock, chain, compaction, log, newerVersion, unwritten };
  } catch (error) {
    await chain?.close();
    await lock?.release();
    await folder.close();
    return asOpenError(rules.folder)(error);
  }
}

async function chainStart(
  folder: JournalFolder,
  { base, segments }: JournalFiles,
  { replay, lastSegmentBytes, newerVersion, damage }: Recovery,
  isRecovered: boolean,
): Promise<ChainStart> {
  const last = segments.at(-1);
  const baseBytes = base.reduce((sum, { bytes }) => sum + bytes, 0);
  const before = segments.slice(0, -1).map(({ number, bytes }) => [number, bytes] as const);
  const number = last?.number ?? base[0]?.number ?? 0;
  const start = { sequence: replay.sequence, baseBytes, isRecovered };
  const isWritable = newerVersion === undefined && damage === undefined;
  if (last !== undefined && lastSegmentBytes !== undefined && isWritable) {
    const segment = await FileWriter.continue(folder.pathOf(last.name), last.name, lastSegmentBytes);
    return { ...start, segment, number, finished: new Map(before) };
  }
  // A last segment without a header has its number, and is made again.
  const isEmpty = last !== undefined && lastSegmentBytes === undefined && damage === undefined;
  return { ...start, segment: undefined, number: isEmpty ? number : number + 1, finished: new Map(before) };
}

/** Keeps the damaged file, and those after it, under other names: a new base will replace them. */
async function keepDamaged(
  folder: JournalFolder,
  files: JournalFiles,
  { file }: Damage,
  logger: Logger,
): Promise<void> {
  const all = [...files.base, ...files.segments];
  const damaged = all.slice(all.findIndex(({ name }) => name === file.name));
  const kept: string[] = [];
  for (const { name } of damaged) kept.push(await folder.keepAside(name));
  await folder.sync();
  logger.warn(
    { folder: folder.path, files: kept },
    'the damaged files of the journal are kept under other names',
  );
}

function warnOfVersion(
  logger: Logger,
  { path }: JournalFolder,
  version: number,
  unknownEntries: number,
): void {
  logger.warn(
    { folder: path, version, unknownEntries },
    'a newer version has written the journal, so it is only read; everything that would change it rejects',
  );
}

function asOpenError(path: string): (error: unknown) => never {
  return (error) => {
    if (error instanceof JournalError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new JournalError('ERR_TOPICS_JOURNAL_OPEN', `the journal ${path} cannot be opened: ${reason}`, {
      cause: error,
      file: path,
    });
  };
}
