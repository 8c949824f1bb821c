import { onTestFinished } from 'vitest';
import {
  PRESENCE_SETTINGS,
  RUN_SETTINGS,
  SETTINGS,
  topicLog,
  until,
} from '../../src/compliance/backplane-trial.ts';
import { RecordingFollower } from '../../src/compliance/recording-follower.ts';
import type { Backplane, LogName, ProcessesBackplaneOptions, TopicSettings } from '../../src/index.ts';
import { Family } from './family.ts';

export { PRESENCE_SETTINGS, RecordingFollower, RUN_SETTINGS, SETTINGS, topicLog, until };

/** A parent with so many children, which end with the test. */
export async function familyOf(count: number, options: ProcessesBackplaneOptions = {}): Promise<Family> {
  const family = await Family.create(options);
  onTestFinished(() => family.close());
  await family.fork(count);
  return family;
}

export function append(
  backplane: Backplane,
  topic: string,
  data: unknown,
  settings: Partial<TopicSettings> = {},
): Promise<string> {
  return backplane.append(topic, { payload: JSON.stringify(data) }, { ...SETTINGS, ...settings });
}

/** Follows a topic (if only its name is given) or a run. */
export async function follow(
  backplane: Backplane,
  log: string | LogName,
  presence = false,
): Promise<RecordingFollower> {
  const follower = new RecordingFollower();
  const name = typeof log === 'string' ? topicLog(log) : log;
  follower.started(await backplane.follow(name, follower, { presence }));
  return follower;
}

export const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** A text that makes a record of about so many bytes. */
export const textOf = (bytes: number): string => 'x'.repeat(bytes);
