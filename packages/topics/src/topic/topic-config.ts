import type { OptionNames } from '@landspout/ioloop/errors';
import type { PresenceSettings, TopicSettings } from '../backplane/backplane.ts';
import { topicsChecks } from '../errors.ts';

/** What can be set for all topics, and for those of a pattern. */
export interface TopicConfig {
  /** Most bytes of one record. Default: 1 MiB. */
  readonly maxRecordBytes?: number;
  /** Most records in the history of a topic. 0: none. Default: 1,000. */
  readonly maxRecords?: number;
  /** Most bytes in the history of a topic, with 150 bytes for each record. Default: 1 MiB. */
  readonly maxBytes?: number;
  /** Longest time that a record is kept, in milliseconds. Default: 24 hours. */
  readonly maxAgeMs?: number;
  /** How long the id of a publish is remembered, in milliseconds. Default: 2 minutes. */
  readonly dedupeMs?: number;
  /** Most ids remembered for a topic. Default: 10,000. */
  readonly maxDedupeIds?: number;
  /** Most members of a topic. Default: 10,000. */
  readonly maxMembers?: number;
  /** How long after its last leave a member is announced as gone, in milliseconds. Default: 5 s. */
  readonly leaveDelayMs?: number;
}

export const TOPIC_CONFIG_NAMES: OptionNames<TopicConfig> = {
  maxRecordBytes: true,
  maxRecords: true,
  maxBytes: true,
  maxAgeMs: true,
  dedupeMs: true,
  maxDedupeIds: true,
  maxMembers: true,
  leaveDelayMs: true,
};

export const DEFAULT_TOPIC_CONFIG: Required<TopicConfig> = Object.freeze({
  maxRecordBytes: 1024 * 1024,
  maxRecords: 1000,
  maxBytes: 1024 * 1024,
  maxAgeMs: 24 * 60 * 60 * 1000,
  dedupeMs: 2 * 60 * 1000,
  maxDedupeIds: 10_000,
  maxMembers: 10_000,
  leaveDelayMs: 5000,
});

/** The settings of the topics of one pattern, shared by them. */
export interface TopicRules {
  readonly maxRecordBytes: number;
  readonly log: TopicSettings;
  readonly presence: PresenceSettings;
}

/** @throws TopicsUsageError `ERR_TOPICS_USAGE`. */
export function rulesOf(operation: string, config: TopicConfig, base: Required<TopicConfig>): TopicRules {
  const number = (name: keyof TopicConfig, least = 0) =>
    topicsChecks.wholeNumber(operation, name, config[name] ?? base[name], least);
  const duration = (name: keyof TopicConfig) =>
    topicsChecks.durationMs(operation, name, config[name] ?? base[name]);
  return Object.freeze({
    maxRecordBytes: number('maxRecordBytes', 1),
    log: Object.freeze({
      maxRecords: number('maxRecords'),
      maxBytes: number('maxBytes'),
      maxAgeMs: duration('maxAgeMs'),
      dedupeMs: duration('dedupeMs'),
      maxDedupeIds: number('maxDedupeIds'),
    }),
    presence: Object.freeze({ maxMembers: number('maxMembers'), leaveDelayMs: duration('leaveDelayMs') }),
  });
}

/** Whether names match a pattern: `*` stands for any text, everything else for itself. */
export function patternOf(pattern: string): (name: string) => boolean {
  const parts = pattern.split('*');
  const [first = '', last = ''] = [parts[0], parts.at(-1)];
  if (parts.length === 1) return (name) => name === pattern;
  const middle = parts.slice(1, -1);
  return (name) => {
    if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last))
      return false;
    // Leftmost matches are enough, so this takes no more than one pass for each part.
    const end = name.length - last.length;
    let at = first.length;
    for (const part of middle) {
      const found = name.indexOf(part, at);
      if (found < 0 || found + part.length > end) return false;
      at = found + part.length;
    }
    return true;
  };
}
