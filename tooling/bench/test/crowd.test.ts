import { describe, expect, it } from 'vitest';
import { BenchError } from '../bench-error.mjs';
import { Absences } from '../http/absences.mjs';
import { crowdOf } from '../http/crowd-settings.mjs';
import { bytesEach, judgeCrowd } from '../http/crowd-summary.mjs';
import { chooseHttpRows } from '../http/rows.mjs';
import { httpCommand } from '../http/stage.mjs';
import { judgeHttp, summarizeHttp } from '../http/summary.mjs';
import { httpOptions } from '../options.mjs';

const OPTIONS = { ...httpOptions([]), files: 20_000 };
const rowsOf = (change: object = {}) => chooseHttpRows({ ...OPTIONS, only: ['crowd'], ...change });
type HttpRow = ReturnType<typeof rowsOf>[number];
const [row] = rowsOf() as [HttpRow];

const MIB = 1024 * 1024;
const phase = (p99Us: number, waitedMs = 0) => ({ p99Us, waitedMs });
const CALM = {
  phases: { alone: phase(1), coming: phase(1), there: phase(1), going: phase(1) },
  resident: { before: 100 * MIB, there: 0, peak: 100 * MIB + 15_000, gone: 0, after: 0 },
  stats: { open: 15_001, queuedBytes: 5000 * MIB, longestQueue: MIB },
  goneMs: 20_000,
};
type Result = typeof CALM;
const judged = (change: Partial<Record<keyof Result, unknown>>, of: HttpRow = row) =>
  judgeCrowd({ ...of, crowd: { ...CALM, ...change } } as never).map(({ met }) => met);

describe('crowdOf', () => {
  it('opens 5,000 of each kind where descriptors allow', () => {
    expect(crowdOf(OPTIONS)?.ofEachKind).toBe(5000);
    expect(crowdOf({ ...OPTIONS, files: 4096 })?.ofEachKind).toBe(1298);
  });

  it('lets none go before the normal client was measured beside all of it', () => {
    for (const measureMs of [2000, 10_000]) {
      const crowd = crowdOf({ ...OPTIONS, measureMs });
      expect(crowd?.deadlineMs).toBeGreaterThan((crowd?.comeMs ?? 0) + (crowd?.stayMs ?? 0));
    }
  });
});

describe('chooseHttpRows', () => {
  it('has a crowd for the servers that can set its deadlines, by programs of their own', () => {
    expect(rowsOf().map(({ id, program }) => [id, program])).toEqual([
      ['httpserver', 'crowd-httpserver'],
      ['httpserver-portable', 'crowd-httpserver'],
      ['node-http', 'crowd-node-http'],
    ]);
  });

  it('leaves the crowd out when there shall be none', () => {
    expect(rowsOf({ crowd: 0 })).toEqual([]);
  });
});

describe('httpCommand', () => {
  it('tells the server of a crowd its deadline, and whether answers are made anew', () => {
    const [fresh] = rowsOf({ fresh: true }) as [HttpRow];
    const command = httpCommand(fresh, { floor: '', folder: '' }, new Map());
    expect(JSON.parse(command.at(-1) ?? '').crowd).toMatchObject({ deadlineMs: 22_000, fresh: true });
  });
});

describe('Absences', () => {
  it('goes on without a crowd of the server that is there for comparison, and not without ours', async () => {
    const fail = () => Promise.reject(new BenchError('some went'));
    const [ours, , node] = rowsOf() as [HttpRow, HttpRow, HttpRow];
    await expect(new Absences([ours], new Map()).attempt(ours, fail)).rejects.toThrow('some went');
    const others = new Absences([ours, node], new Map());
    await others.attempt(node, fail);
    expect(others.rows).toEqual([ours]);
    expect(others.list).toMatchObject([{ title: 'node:http', reason: 'some went' }]);
  });
});

describe('bytesEach', () => {
  it('leaves out what was answered where that is memory of its own', () => {
    const crowd = { ...CALM, resident: { ...CALM.resident, peak: 5200 * MIB } };
    const [fresh] = rowsOf({ fresh: true }) as [HttpRow];
    expect(bytesEach({ ...row, crowd } as never)).toBeCloseTo((5100 * MIB) / 15_000);
    expect(bytesEach({ ...fresh, crowd } as never)).toBeCloseTo((100 * MIB) / 15_000);
  });
});

describe('judgeCrowd', () => {
  it('is content with a crowd that nobody notices', () => {
    expect(judged({})).toEqual([true, true, true, true, true]);
  });

  it('asks for a p99 under 50 ms beside the crowd', () => {
    const { phases } = CALM;
    expect(judged({ phases: { ...phases, there: phase(49_990) } })[0]).toBe(true);
    expect(judged({ phases: { ...phases, there: phase(50_000) } })[0]).toBe(false);
  });

  it.each(['coming', 'going'])(
    'asks for the same while the crowd is %s, and not of the client alone',
    (when) => {
      const { phases } = CALM;
      expect(judged({ phases: { ...phases, [when]: phase(50_000) } })).toEqual([
        true,
        false,
        true,
        true,
        true,
      ]);
      expect(judged({ phases: { ...phases, alone: phase(50_000) } })).toEqual([true, true, true, true, true]);
    },
  );

  it('says where others had the core of the server', () => {
    const textOf = (waitedMs: number) => {
      const crowd = { ...CALM, phases: { ...CALM.phases, there: phase(60_000, waitedMs) } };
      return judgeCrowd({ ...row, crowd } as never)[0]?.text;
    };
    expect(textOf(7000)).toContain(
      '60.00 ms beside all of it (under 50 ms; others had the core of the server for 7.0 s',
    );
    expect(textOf(200)).not.toContain('others');
  });

  it('does not ask it of a server that makes gigabytes of answers while the crowd comes', () => {
    const [fresh] = rowsOf({ fresh: true }) as [HttpRow];
    const { phases, resident } = CALM;
    const large = { ...resident, peak: resident.peak + 5000 * MIB };
    const met = (when: string) =>
      judged({ resident: large, phases: { ...phases, [when]: phase(50_000) } }, fresh)[1];
    expect([met('coming'), met('going')]).toEqual([true, false]);
  });

  it('asks that no queue is longer than its limit, and that a client costs little beside it', () => {
    const { stats, resident } = CALM;
    expect(judged({ stats: { ...stats, longestQueue: 16 * MIB } })[2]).toBe(true);
    expect(judged({ stats: { ...stats, longestQueue: 16 * MIB + 1 } })[2]).toBe(false);
    const peak = resident.before + 15_000 * 16_384;
    expect(judged({ resident: { ...resident, peak } })[3]).toBe(true);
    expect(judged({ resident: { ...resident, peak: peak + 1 } })[3]).toBe(false);
  });

  it('asks that all have to go, after two deadlines and a half at most', () => {
    expect([judged({ goneMs: 32_500 })[4], judged({ goneMs: 32_501 })[4]]).toEqual([true, false]);
    expect(judged({ goneMs: undefined })[4]).toBe(false);
  });
});

describe('judgeHttp', () => {
  it('judges the crowds of our own servers alone', () => {
    const results = rowsOf().map((one) => summarizeHttp(one, [], undefined, CALM as never));
    const titles = judgeHttp(results).map(({ text }) => text.split(', crowd')[0]);
    expect([...new Set(titles)]).toEqual(['httpserver, native', 'httpserver, portable']);
  });
});
