import type {
  Following,
  LogFollower,
  PresenceChange,
  TopicEnd,
  TopicGap,
  TopicRecord,
  TopicSettings,
} from '@landspout/topics';
import type { RedisBackplane } from '../../src/index.ts';

/** Limits that no test reaches unless it sets its own. */
export const SETTINGS: TopicSettings = {
  maxRecords: 100_000,
  maxBytes: 64 * 1024 * 1024,
  maxAgeMs: 3_600_000,
  dedupeMs: 60_000,
  maxDedupeIds: 10_000,
};

export const WHOLE = { maxRecords: 100_000, maxBytes: 64 * 1024 * 1024 };

export const topic = (name: string) => ({ kind: 'topic', name }) as const;
export const run = (name: string) => ({ kind: 'run', name }) as const;

/** A follower that writes down all notifications. */
export class Recorder implements LogFollower {
  /** In order, such as `1`, `gap reset`, `end deleted`, `revoked ada`. */
  readonly notes: string[] = [];
  readonly records: TopicRecord[] = [];
  readonly gaps: TopicGap[] = [];
  readonly ends: TopicEnd[] = [];
  readonly changes: PresenceChange[] = [];

  record(record: TopicRecord): void {
    this.records.push(record);
    this.notes.push(String(record.payload));
  }

  gap(gap: TopicGap): void {
    this.gaps.push(gap);
    this.notes.push(`gap ${gap.reason}`);
  }

  ended(end: TopicEnd): void {
    this.ends.push(end);
    this.notes.push(`end ${end.how}`);
  }

  revoked(subject: string | undefined): void {
    this.notes.push(`revoked ${subject}`);
  }

  cancelRequested(): void {
    this.notes.push('cancel');
  }

  presence(change: PresenceChange): void {
    this.changes.push(change);
  }
}

/** Follows a log with a recorder. */
export async function follow(
  backplane: RedisBackplane,
  log: { readonly kind: 'topic' | 'run'; readonly name: string },
  options = { presence: false },
): Promise<Recorder & { readonly following: Following }> {
  const recorder = new Recorder();
  const following = await backplane.follow(log, recorder, options);
  return Object.assign(recorder, { following });
}

/** Appends numbers or other JSON, one after the other. @returns the cursors. */
export async function publish(
  backplane: RedisBackplane,
  name: string,
  data: readonly unknown[],
  settings: Partial<TopicSettings> = {},
): Promise<string[]> {
  const cursors: string[] = [];
  for (const each of data) {
    cursors.push(
      await backplane.append(name, { payload: JSON.stringify(each) }, { ...SETTINGS, ...settings }),
    );
  }
  return cursors;
}

/** The payloads that a topic keeps. */
export async function kept(backplane: RedisBackplane, name: string): Promise<unknown[]> {
  const { records } = await backplane.read(topic(name), { start: true }, WHOLE);
  return records.map(({ data }) => data);
}
