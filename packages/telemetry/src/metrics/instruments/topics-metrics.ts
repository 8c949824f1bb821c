import type { Report } from '../registry/collected.ts';
import type { Definitions } from './definitions.ts';
import { secondsOf } from './label-texts.ts';
import type { StatsSource } from './server-stats-metrics.ts';

// What is read of topics and runs; their types are in `@landspout/topics`, which is no dependency.

interface BackplaneCounts {
  readonly topics: number;
  readonly runs: number;
  readonly records: number;
  readonly historyBytes: number;
}

/** The statistics of a `Topics`. */
export interface TopicsCounts {
  readonly topics: number;
  readonly subscriptions: number;
  readonly dropped: number;
  readonly members: number;
  readonly pending: number;
  readonly backplane: BackplaneCounts;
}

/** The statistics of a `Runs`. */
export interface RunsCounts {
  readonly running: number;
  readonly subscriptions: number;
  readonly joined: number;
  readonly continued: number;
  readonly records: number;
}

interface PublishMessage {
  readonly topic: string;
  readonly bytes: number;
}

interface RunMessage {
  readonly record: { readonly how: string | undefined; readonly durationMs: number };
}

/** Puts topics into a few groups, such as `room` for `room:1`. */
export type TopicGroup = (topic: string) => string;

/** Runs take as long as what they do: from a tenth of a second to an hour. */
const RUN_BUCKETS: readonly number[] = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600];

/** Counts the publishes and runs of this process. */
export function countTopics(definitions: Definitions, groupOf: TopicGroup | undefined): void {
  const publishes = definitions.counter('topics_publishes_total', {
    help: 'Records that this process has published.',
    labels: ['group'],
  });
  const bytes = definitions.counter('topics_published_bytes_total', {
    help: 'Bytes of these records.',
    labels: ['group'],
  });
  definitions.on<PublishMessage>('landspout.topics.publish', (message) => {
    const group = groupText(definitions, message.topic, groupOf);
    publishes.inc({ group });
    bytes.inc({ group }, message.bytes);
  });
  const started = definitions.counter('runs_started_total', {
    help: 'Attempts of runs whose producer was called.',
  });
  const ended = definitions.counter('runs_ended_total', {
    help: 'Attempts of runs that are over for this process, by how.',
    labels: ['how'],
  });
  const durations = definitions.histogram('run_duration_seconds', {
    help: 'How long attempts of runs took, by how they ended.',
    labels: ['how'],
    buckets: RUN_BUCKETS,
  });
  definitions.on('landspout.topics.run.start', () => started.inc());
  definitions.on<RunMessage>('landspout.topics.run.end', ({ record }) => {
    const how = record.how ?? 'unknown';
    ended.inc({ how });
    durations.observe({ how }, secondsOf(record.durationMs));
  });
}

/** Reads what topics count themselves. */
export function readTopics(definitions: Definitions, topics: ReadonlySet<StatsSource<TopicsCounts>>): void {
  const read =
    (value: (counts: TopicsCounts) => number) =>
    (report: Report<never>): void => {
      for (const one of topics) report(value(one.stats()));
    };
  const gauge = (name: string, help: string, value: (counts: TopicsCounts) => number): void =>
    definitions.readGauge(name, { help, collect: read(value) });
  gauge('topics_followed', 'Topics with subscriptions.', (counts) => counts.topics);
  gauge('topics_subscriptions', 'Subscriptions to topics.', (counts) => counts.subscriptions);
  gauge('topics_members', 'Members that have joined.', (counts) => counts.members);
  gauge(
    'topics_pending_publishes',
    'Publishes that the backplane has not settled.',
    (counts) => counts.pending,
  );
  definitions.readCounter('topics_dropped_records_total', {
    help: 'Records that subscribers did not get because they were too slow.',
    collect: read(({ dropped }) => dropped),
  });
  // Processes that share a backplane see the same one.
  const store = (name: string, help: string, value: (counts: BackplaneCounts) => number): void =>
    definitions.readGauge(name, { help, across: 'max', collect: read(({ backplane }) => value(backplane)) });
  store('topics_backplane_topics', 'Topics of the backplane.', (counts) => counts.topics);
  store('topics_backplane_runs', 'Runs of the backplane.', (counts) => counts.runs);
  store('topics_backplane_records', 'Records in the history of the backplane.', (counts) => counts.records);
  store(
    'topics_backplane_history_bytes',
    'Bytes of the history of the backplane.',
    (counts) => counts.historyBytes,
  );
}

/** Reads what runs count themselves. */
export function readRuns(definitions: Definitions, runs: ReadonlySet<StatsSource<RunsCounts>>): void {
  const read =
    (value: (counts: RunsCounts) => number) =>
    (report: Report<never>): void => {
      for (const one of runs) report(value(one.stats()));
    };
  definitions.readGauge('runs_in_progress', {
    help: 'Runs with a producer, or whose end is being written.',
    collect: read(({ running }) => running),
  });
  definitions.readGauge('runs_subscriptions', {
    help: 'Subscriptions to runs.',
    collect: read(({ subscriptions }) => subscriptions),
  });
  definitions.readCounter('runs_joined_total', {
    help: 'Starts that have joined a run that there was already.',
    collect: read(({ joined }) => joined),
  });
  definitions.readCounter('runs_continued_total', {
    help: 'Interrupted runs that were continued.',
    collect: read(({ continued }) => continued),
  });
  definitions.readCounter('runs_written_records_total', {
    help: 'Records that runs have written.',
    collect: read(({ records }) => records),
  });
}

/** '' without a function; `other` if it throws or returns no text. */
function groupText(definitions: Definitions, topic: string, groupOf: TopicGroup | undefined): string {
  if (groupOf === undefined) return '';
  try {
    const group: unknown = groupOf(topic);
    return typeof group === 'string' ? group : 'other';
  } catch (error) {
    definitions.failed(error, 'the option topicGroup');
    return 'other';
  }
}
