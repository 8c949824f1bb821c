import { describe, expect, it } from 'vitest';
import { countPublishers, countReaders, type PublisherCounts, type ReaderCounts } from './counting.ts';
import { type Expectation, problemsOf, type Result } from './scenario.ts';
import { tableOf } from './table.ts';

const NOTHING = { readers: [], publishers: [], logs: new Map() };

interface Given {
  readonly expected?: Partial<Expectation>;
  readonly readers?: Partial<ReaderCounts>;
  readonly publishers?: Partial<PublisherCounts>;
}

function problems({ expected, readers, publishers }: Given): string[] {
  return problemsOf(
    { text: '', ...expected },
    { ...countReaders(NOTHING), readers: 2, ...readers },
    { ...countPublishers(NOTHING), ...publishers },
  );
}

const gaps = new Map([['reset', 2]]);
const errors = new Map([['ERR_TOPICS_BUSY', 1]]);

describe('problemsOf', () => {
  it.each<[string, Given]>([
    ['lost records', { readers: { lost: 1 } }],
    ['doubled records', { readers: { doubled: 1 } }],
    ['records out of order', { readers: { disordered: 1 } }],
    ['hung readers', { readers: { hung: 1 } }],
    ['records that only a reader has', { readers: { vanished: 1 } }],
    ['refused records in the log', { publishers: { refusedFound: 1 } }],
    ['records twice in the log', { publishers: { doubledInLog: 1 } }],
    ['settled records that the log has not', { publishers: { settledNotFound: 1 } }],
    [
      'settled records that are missing without a gap',
      { readers: { gone: 1 }, expected: { losses: 'behind-gaps' } },
    ],
    ['gaps', { readers: { gaps } }],
    ['gaps with another reason', { readers: { gaps }, expected: { gaps: ['future'] } }],
    [
      'readers without a gap',
      { readers: { gaps, withGap: 1 }, expected: { gaps: ['reset'], isGapSure: true } },
    ],
    ['errors without a code', { publishers: { errors: new Map([['TypeError: x', 1]]) } }],
    ['the lack of a loss', { expected: { isLossSure: true, losses: 'anywhere' } }],
    ['the lack of an error', { expected: { errors: ['ERR_TOPICS_UNAVAILABLE'] }, publishers: { errors } }],
    ['ends of runs', { readers: { ends: new Map([['failed', 1]]) }, expected: { end: 'finished' } }],
    ['readers without the end of a run', { readers: { ends: new Map() }, expected: { end: 'finished' } }],
  ])('reports %s', (_, given) => {
    expect(problems(given)).toHaveLength(1);
  });

  it.each<[string, Given]>([
    ['nothing', {}],
    ['typed errors', { publishers: { errors } }],
    ['gaps', { readers: { gaps, withGap: 2 }, expected: { gaps: ['reset'], isGapSure: true } }],
    ['losses of the store', { publishers: { settledNotFound: 1 }, expected: { losses: 'behind-gaps' } }],
    ['the end of a run', { readers: { ends: new Map([['finished', 2]]) }, expected: { end: 'finished' } }],
  ])('accepts %s that are expected', (_, given) => {
    expect(problems(given)).toEqual([]);
  });
});

describe('tableOf', () => {
  const scenario = { name: 'a | fault', expected: { text: 'Nothing is lost' }, run: () => Promise.reject() };
  const good: Result = {
    scenario,
    readers: { ...countReaders(NOTHING), readers: 2, delivered: 10, gaps },
    publishers: { ...countPublishers(NOTHING), settled: 5, errors, unknownFound: 1, unknownNotFound: 2 },
    problems: [],
  };
  const bad: Result = { scenario, readers: undefined, publishers: undefined, problems: ['did not end'] };

  it('has a row for each scenario, and the problems under them', () => {
    const [head, first, second, ...problemLines] = tableOf([good, bad], false).split('\n');
    expect(head).toMatch(/^Fault {6}Delivered {2}Lost .* As expected$/);
    expect(first).toMatch(/^a \| fault {2}10 at 2 .* 2 reset .* 1 ERR_TOPICS_BUSY {2,}1 of 3 .* yes$/);
    expect(second).toMatch(/^a \| fault {2}- .* NO$/);
    expect(problemLines).toEqual(['', 'a | fault: did not end']);
  });

  it('is a table of Markdown as well', () => {
    const [head, line, first] = tableOf([good], true).split('\n');
    expect(head).toMatch(/^\| Fault \| Delivered \| .* \|$/);
    expect(line).toMatch(/^(?:\| --- )+\|$/);
    expect(first).toMatch(/^\| a \\\| fault \| 10 at 2 \| 0 \| .* \| yes \|$/);
  });
});
