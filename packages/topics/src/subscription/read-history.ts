import type { OptionNames } from '@landspout/ioloop/errors';
import type { Backplane, LogName, ReadFrom } from '../backplane/backplane.ts';
import { requireCursor } from '../cursor.ts';
import { topicsChecks } from '../errors.ts';
import type { TopicEnd, TopicGap, TopicRecord } from '../record.ts';

export interface HistoryOptions {
  /** A cursor, to read what follows it; `start` for the oldest record kept. Default: `start`. */
  readonly after?: string | undefined;
  /** Reads only this number of records before the end. Not together with `after`. */
  readonly last?: number | undefined;
  /** Most records that are returned. Default: 1,000. */
  readonly maxRecords?: number | undefined;
}

const HISTORY_OPTIONS: OptionNames<HistoryOptions> = { after: true, last: true, maxRecords: true };
const DEFAULT_MAX_RECORDS = 1000;
/** A page of a backplane, which may send it over a network. */
const PAGE_BYTES = 1024 * 1024;

/** What a log has at one moment. */
export interface History<Message = unknown> {
  readonly records: readonly TopicRecord<Message>[];
  /** The position after the last of the records: subscribe after it to get what follows. */
  readonly cursor: string;
  /** Set if records are missing before the first one. */
  readonly gap: TopicGap | undefined;
  /** Whether there are more records than were asked for. */
  readonly more: boolean;
  /** How the log has ended, if it has and all its records were read. */
  readonly end: TopicEnd | undefined;
}

/** Reads what a log has now. @throws TopicsUsageError `ERR_TOPICS_USAGE`, `ERR_TOPICS_CURSOR`; RunError; BackplaneError. */
export async function readHistory<Message>(
  backplane: Backplane,
  log: LogName,
  options: HistoryOptions,
): Promise<History<Message>> {
  topicsChecks.options('history', options, HISTORY_OPTIONS);
  const limit = topicsChecks.wholeNumber(
    'history',
    'maxRecords',
    options.maxRecords ?? DEFAULT_MAX_RECORDS,
    1,
  );
  const records: TopicRecord[] = [];
  let gap: TopicGap | undefined;
  for (let from = startOf(options); ; ) {
    const page = await backplane.read(log, from, {
      maxRecords: limit - records.length,
      maxBytes: PAGE_BYTES,
    });
    gap ??= page.gap;
    records.push(...page.records);
    const { cursor, more, end } = page;
    if (!more || records.length >= limit) {
      return { records: records as unknown as TopicRecord<Message>[], cursor, gap, more, end };
    }
    from = { after: cursor };
  }
}

function startOf({ after, last }: HistoryOptions): ReadFrom {
  if (last !== undefined) {
    if (after !== undefined) throw topicsChecks.wrong('history', 'either after or last', { after, last });
    return { last: topicsChecks.wholeNumber('history', 'last', last) };
  }
  return after === undefined || after === 'start'
    ? { start: true }
    : { after: requireCursor('history', after) };
}
