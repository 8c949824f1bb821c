import type { Clock } from '@landspout/ioloop';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { append, JournalTrial, kept, RUN_SETTINGS, SETTINGS } from './journal-trial.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const YEAR_MS = 365 * DAY_MS;
const START = Date.UTC(2030, 0, 1);

/** The clock of a process, with a wall time that a test sets. */
class JumpingClock implements Clock {
  readonly #clock = new VirtualClock();
  wall: number;

  constructor(wall: number) {
    this.wall = wall;
  }

  now(): number {
    return this.#clock.now();
  }

  wallTime(): number {
    return this.wall;
  }

  setTimeout(callback: () => void, delayMs: number) {
    return this.#clock.setTimeout(callback, delayMs);
  }

  async advance(ms: number): Promise<void> {
    this.wall += ms;
    await this.#clock.advance(ms);
  }
}

const DAY = { ...SETTINGS, maxAgeMs: DAY_MS };

describe('the age of a record', () => {
  it('counts on while no process runs', async () => {
    const trial = new JournalTrial();
    const clock = new JumpingClock(START);
    const first = await trial.open({ clock });
    await append(first, 'news', 'old', DAY);
    await clock.advance(10 * HOUR_MS);
    await append(first, 'news', 'new', DAY);
    await first.close();
    const next = new JumpingClock(START + 23 * HOUR_MS);
    const second = await trial.open({ clock: next });
    expect(kept(second, 'news').data).toEqual(['old', 'new']);
    await next.advance(HOUR_MS);
    expect(kept(second, 'news').data).toEqual(['new']);
    await second.close();
    const third = await trial.open({ clock: new JumpingClock(START + 34 * HOUR_MS) });
    expect(kept(third, 'news').data).toEqual([]);
  });

  it('is that of the monotonic clock, whatever the wall time does meanwhile', async () => {
    const trial = new JournalTrial();
    const clock = new JumpingClock(START);
    const backplane = await trial.open({ clock });
    await append(backplane, 'news', 1, DAY);
    for (const jump of [YEAR_MS, -2 * YEAR_MS]) {
      clock.wall += jump;
      await append(backplane, 'news', jump, DAY);
      await clock.advance(HOUR_MS);
      expect(kept(backplane, 'news').data).toContain(1);
    }
    await clock.advance(22 * HOUR_MS);
    expect(kept(backplane, 'news').data).toEqual([-2 * YEAR_MS]);
  });

  it.each([
    ['ran back', -2 * YEAR_MS],
    ['ran ahead', YEAR_MS],
  ])(
    'survives a clock that %s while records were written, and is right when they are read',
    async (_, wrong) => {
      const trial = new JournalTrial();
      const clock = new JumpingClock(START);
      const first = await trial.open({ clock });
      await append(first, 'news', 'before', DAY);
      clock.wall += wrong;
      await append(first, 'news', 'meanwhile', DAY);
      await clock.advance(HOUR_MS);
      await first.close();
      const second = await trial.open({ clock: new JumpingClock(START + 2 * HOUR_MS) });
      expect(kept(second, 'news').data).toEqual(['before', 'meanwhile']);
    },
  );

  it('survives a process that starts with a clock that is years behind', async () => {
    const trial = new JournalTrial();
    const first = await trial.open({ clock: new JumpingClock(START) });
    await append(first, 'news', 'before', DAY);
    await first.close();
    // A machine without a battery begins in 1970, until it learns the time.
    const clock = new JumpingClock(0);
    const second = await trial.open({ clock });
    await append(second, 'news', 'in 1970', DAY);
    clock.wall = START + HOUR_MS;
    await append(second, 'news', 'now', DAY);
    await second.close();
    const third = await trial.open({ clock: new JumpingClock(START + 2 * HOUR_MS) });
    expect(kept(third, 'news').data).toEqual(['before', 'in 1970', 'now']);
    await third.close();
    const fourth = await trial.open({ clock: new JumpingClock(START + 30 * HOUR_MS) });
    expect(kept(fourth, 'news').data).toEqual([]);
  });
});

describe('the time of an id and of a run', () => {
  it('goes on over restarts', async () => {
    const trial = new JournalTrial();
    const clock = new JumpingClock(START);
    const first = await trial.open({ clock });
    const cursor = await first.append('news', { payload: '1', id: 'x' }, { ...SETTINGS, dedupeMs: HOUR_MS });
    const { token } = await first.claimRun({
      id: 'run',
      owner: 'o',
      input: undefined,
      settings: { ...RUN_SETTINGS, ttlMs: HOUR_MS },
    });
    await first.endRun('run', token as number, { how: 'finished', result: '1' });
    await first.close();
    const soon = await trial.open({ clock: new JumpingClock(START + HOUR_MS - 1000) });
    expect(await soon.append('news', { payload: '2', id: 'x' }, { ...SETTINGS, dedupeMs: HOUR_MS })).toBe(
      cursor,
    );
    expect((await soon.runInfo('run')).end?.how).toBe('finished');
    await soon.close();
    const later = await trial.open({ clock: new JumpingClock(START + HOUR_MS) });
    await expect(later.runInfo('run')).rejects.toMatchObject({ code: 'ERR_RUN_NOT_FOUND' });
    expect(
      await later.append('news', { payload: '2', id: 'x' }, { ...SETTINGS, dedupeMs: HOUR_MS }),
    ).not.toBe(cursor);
  });
});
