import type { TopicEvent } from '../../../src/index.ts';
import { shown } from './recording-sink.ts';

/** Reads this number of events, or up to the end, and closes the subscription. */
export async function readEvents(events: AsyncIterable<TopicEvent>, count: number): Promise<unknown[]> {
  const read: unknown[] = [];
  if (count === 0) return read;
  for await (const event of events) {
    read.push(shown(event));
    if (read.length === count) break;
  }
  return read;
}

/** Numbers from 0 up to `count`. */
export const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Lets everything that needs no I/O happen. */
export async function turns(count = 3): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Names with what a careless key, file name, pattern or header would take for something else. */
export const AWKWARD_NAMES: readonly string[] = [
  '{a}b',
  'a:b/c',
  '*',
  '..',
  '__proto__',
  'constructor',
  'é',
  'e\u0301',
  'A',
  'a',
  ' ',
  '😀',
  '\u2028',
  'x'.repeat(256),
  '😀'.repeat(64),
];
