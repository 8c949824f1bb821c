import { describe, expect, it } from 'vitest';
import { type Accounts, countPublishers, countReaders } from './counting.ts';
import type { Attempt, Outcome } from './publisher.ts';
import { END_MARKER, type Seen } from './reader.ts';
import type { LogEntry } from './server.ts';

const TOPIC = 'news';

const record = (number: number, publisher = 'p'): Seen => ({
  kind: 'record',
  cursor: `${publisher}${number}`,
  data: { publisher, number },
  time: 0,
});
const gap = (reason: string): Seen => ({ kind: 'gap', cursor: 'g', reason });
const attempt = (number: number, outcome: Outcome = 'settled'): Attempt => ({ number, outcome });
const entry = (number: number): LogEntry => [`p${number}`, { publisher: 'p', number }];

interface Given {
  readonly log: readonly number[];
  readonly seen: readonly Seen[];
  readonly attempts?: readonly Attempt[];
  readonly hasEnded?: boolean;
}

function accounts({ log, seen, attempts, hasEnded = true }: Given): Accounts {
  return {
    readers: [{ name: TOPIC, seen, hasEnded }],
    publishers: [
      {
        topic: TOPIC,
        id: 'p',
        errors: new Map(),
        attempts: attempts ?? log.map((number) => attempt(number)),
      },
    ],
    logs: new Map([[TOPIC, log.map(entry)]]),
  };
}

const NOTHING = { lost: 0, gone: 0, skipped: 0, vanished: 0, doubled: 0, again: 0, disordered: 0, hung: 0 };

describe('countReaders', () => {
  it.each<[string, Given, Partial<typeof NOTHING>]>([
    ['finds nothing in what is complete', { log: [1, 2], seen: [record(1), record(2)] }, {}],
    ['does not count the last record', { log: [1], seen: [record(1), record(1, END_MARKER)] }, {}],
    ['finds what was lost in the middle', { log: [1, 2, 3], seen: [record(1), record(3)] }, { lost: 1 }],
    ['finds what was lost at the end', { log: [1, 2], seen: [record(1)] }, { lost: 1 }],
    ['finds what was lost at the start', { log: [1, 2], seen: [record(2)] }, { lost: 1 }],
    [
      'counts what a gap stands for',
      { log: [1, 2, 3, 4], seen: [record(1), gap('reset'), record(4)] },
      { skipped: 2 },
    ],
    [
      'takes no gap of another place',
      { log: [1, 2, 3, 4], seen: [record(1), record(3), gap('reset'), record(4)] },
      { lost: 1 },
    ],
    [
      'finds what the log has lost',
      { log: [1, 3], seen: [record(1), record(3)], attempts: [1, 2, 3].map((number) => attempt(number)) },
      { gone: 1 },
    ],
    [
      'finds what the log has lost after its delivery',
      { log: [1], seen: [record(1), record(2)] },
      { vanished: 1 },
    ],
    [
      'forgives that after a gap, and what is delivered again after it',
      { log: [1, 3], seen: [record(1), record(2), gap('future'), record(1), record(3)] },
      { again: 1 },
    ],
    ['finds doubles', { log: [1, 2], seen: [record(1), record(2), record(1)] }, { doubled: 1 }],
    ['finds disorder', { log: [1, 2], seen: [record(2), record(1)] }, { disordered: 1 }],
    ['finds hung readers', { log: [], seen: [], hasEnded: false }, { hung: 1 }],
    [
      'lets a record with an unknown outcome come late',
      {
        log: [2, 1],
        seen: [record(2), record(1)],
        attempts: [attempt(1, 'unknown'), attempt(2)],
      },
      {},
    ],
  ])('%s', (_, given, expected) => {
    expect(countReaders(accounts(given))).toMatchObject({ ...NOTHING, ...expected });
  });

  it('counts gaps by their reason', () => {
    const seen = [gap('reset'), gap('trimmed'), gap('reset')];
    expect(countReaders(accounts({ log: [], seen })).gaps).toEqual(
      new Map([
        ['reset', 2],
        ['trimmed', 1],
      ]),
    );
  });
});

describe('countPublishers', () => {
  it('looks for all records in the log', () => {
    const attempts = [
      attempt(1),
      attempt(2),
      attempt(3, 'unknown'),
      attempt(4, 'unknown'),
      attempt(5, 'refused'),
      attempt(6, 'refused'),
    ];
    expect(countPublishers(accounts({ log: [1, 3, 5, 3], seen: [], attempts }))).toMatchObject({
      settled: 2,
      settledNotFound: 1,
      unknownFound: 1,
      unknownNotFound: 1,
      refusedFound: 1,
      doubledInLog: 1,
    });
  });
});
