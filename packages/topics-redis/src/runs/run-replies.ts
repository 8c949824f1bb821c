import type { RunInfo, RunSettings } from '@landspout/topics';
import type { RedisReply } from '../connection/redis-link.ts';
import { cursorOf } from '../cursor.ts';
import { endOf } from '../logs/log-state.ts';
import { listOf, textOf } from '../logs/replies.ts';

/** Reads what a script replies about a run. */
export function runInfoOf(id: string, reply: RedisReply | undefined): RunInfo {
  const [epoch, last, records, owner, input, started, attempt, cancel, end] = listOf(reply);
  const [epochText, lastText] = [textOf(epoch), textOf(last)];
  return {
    id,
    owner: textOf(owner),
    input: isNil(input) ? undefined : textOf(input),
    startedAt: Number(textOf(started)),
    records: Number(textOf(records)),
    attempt: Number(textOf(attempt)),
    cancelRequested: !isNil(cancel),
    end: isNil(end) ? undefined : endOf(textOf(end), epochText, lastText),
    cursor: cursorOf(epochText, lastText),
  };
}

/** Reads the settings of a run, which are those of its first claim. */
export function runSettingsOf(reply: RedisReply | undefined): RunSettings {
  const [maxRecords, maxBytes, leaseMs, ttlMs, maxDurationMs] = listOf(reply).map((each) =>
    Number(textOf(each)),
  );
  return { maxRecords, maxBytes, leaseMs, ttlMs, maxDurationMs } as RunSettings;
}

/** The settings as {@link runSettingsOf} reads them. */
export function settingsArguments(settings: RunSettings): readonly string[] {
  const { maxRecords, maxBytes, leaseMs, ttlMs, maxDurationMs } = settings;
  return [maxRecords, maxBytes, leaseMs, ttlMs, maxDurationMs].map((each) => String(Math.ceil(each)));
}

function isNil(reply: RedisReply | undefined): boolean {
  return reply === null || reply === undefined;
}
