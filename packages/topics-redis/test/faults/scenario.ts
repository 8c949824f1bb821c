import { withLeftovers } from '../support/scratch.ts';
import {
  type Accounts,
  countPublishers,
  countReaders,
  type PublisherCounts,
  type ReaderCounts,
} from './counting.ts';
import type { Door } from './reader.ts';
import { SERVER_KILLED } from './server.ts';
import type { ProgramOptions } from './server-processes.ts';
import type { TrialSize } from './trial.ts';

/** What a scenario uses. */
export interface Tools {
  readonly size: TrialSize;
  /** The size of a trial with many readers. */
  readonly crowdSize: TrialSize;
  /** More options of the program of the servers. */
  readonly programOptions: ProgramOptions;
  readonly door: Door;
  /** How long Redis is stopped at least, in milliseconds. */
  readonly pauseMs: number;
}

/** What must hold, beside what always does: see {@link problemsOf}. */
export interface Expectation {
  /** In words. */
  readonly text: string;
  /** Reasons of gaps that may come. Default: none. */
  readonly gaps?: readonly string[];
  /** Whether each reader must have had a gap. Default: no. */
  readonly isGapSure?: boolean;
  /**
   * Whether records that were settled may be missing: `behind-gaps` only where readers have a gap, `anywhere`. Default:
   * not at all.
   */
  readonly losses?: 'behind-gaps' | 'anywhere';
  /** Whether settled records must be missing in the log, because otherwise there was no fault. Default: no. */
  readonly isLossSure?: boolean;
  /** Errors that must have come. Default: none. */
  readonly errors?: readonly string[];
  /** How runs end, at each reader. */
  readonly end?: string;
}

export interface Scenario {
  readonly name: string;
  readonly expected: Expectation;
  /** @returns what was seen, and what else is wrong. */
  run(tools: Tools): Promise<{ readonly accounts: Accounts; readonly problems?: readonly string[] }>;
}

/** The row of a scenario in the table. */
export interface Result {
  readonly scenario: Scenario;
  /** Undefined if the scenario did not get to its end. */
  readonly readers: ReaderCounts | undefined;
  readonly publishers: PublisherCounts | undefined;
  /** What is not as expected. */
  readonly problems: readonly string[];
}

const TYPED = /^ERR_(?:TOPICS|RUN)_[A-Z_]+$/;

/** What is not as expected. */
export function problemsOf(
  { gaps = [], isGapSure = false, isLossSure = false, losses, errors = [], end }: Expectation,
  readers: ReaderCounts,
  publishers: PublisherCounts,
): string[] {
  const problems: string[] = [];
  const never = (count: number, what: string): void => {
    if (count > 0) problems.push(`${count} ${what}`);
  };
  never(readers.lost, 'lost');
  never(readers.doubled, 'doubled');
  never(readers.disordered, 'out of order');
  never(readers.hung, 'hung');
  never(readers.vanished, 'delivered, gone from the log, and no gap after it');
  never(publishers.refusedFound, 'found in the log though the error says that nothing was done');
  never(publishers.doubledInLog, 'doubled in the log');
  if (losses !== 'anywhere') never(readers.gone, 'settled and not delivered, without a gap');
  if (losses === undefined) never(publishers.settledNotFound, 'settled and not in the log');
  for (const [reason, count] of readers.gaps) {
    if (!gaps.includes(reason)) never(count, `gaps with reason ${reason}`);
  }
  if (isGapSure && readers.withGap < readers.readers) {
    problems.push(`${readers.readers - readers.withGap} readers without a gap`);
  }
  if (isLossSure && publishers.settledNotFound === 0) problems.push('the log has lost nothing');
  for (const [code, count] of publishers.errors) {
    if (code !== SERVER_KILLED && !TYPED.test(code)) never(count, `errors without a code: ${code}`);
  }
  for (const code of errors) if (!publishers.errors.has(code)) problems.push(`no ${code}`);
  for (const [how, count] of readers.ends) if (how !== end) never(count, `ends: ${how}`);
  if (end !== undefined && readers.ends.size === 0) problems.push(`no end: ${end}`);
  return problems;
}

/**
 * Runs scenarios, several at once.
 *
 * @param onResult - called after each, with how long it took in milliseconds.
 * @returns their rows, in the order of the scenarios.
 */
export async function runScenarios(
  scenarios: readonly Scenario[],
  tools: Tools,
  atOnce: number,
  onResult: (result: Result, ms: number) => void = () => {},
): Promise<readonly Result[]> {
  const results: Result[] = [];
  const waiting = [...scenarios.entries()];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [at, scenario] = next;
      const startedAt = performance.now();
      const result = await resultOf(scenario, tools);
      results[at] = result;
      onResult(result, performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return results;
}

async function resultOf(scenario: Scenario, tools: Tools): Promise<Result> {
  try {
    const { accounts, problems = [] } = await withLeftovers(() => scenario.run(tools));
    const [readers, publishers] = [countReaders(accounts), countPublishers(accounts)];
    const found = [...problems, ...problemsOf(scenario.expected, readers, publishers)];
    return { scenario, readers, publishers, problems: found };
  } catch (error) {
    const problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { scenario, readers: undefined, publishers: undefined, problems: [`did not end: ${problem}`] };
  }
}
