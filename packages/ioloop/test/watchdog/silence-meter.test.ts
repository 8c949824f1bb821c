import { describe, expect, it } from 'vitest';
import { SilenceMeter } from '../../src/watchdog/silence-meter.ts';

/** Looks every 50 ms at a thread whose beats come every 50 ms, until told otherwise. */
function meterAfter(beats: number): SilenceMeter {
  const meter = new SilenceMeter(50);
  for (let beat = 0; beat <= beats; beat += 1) look(meter, beat * 50, beat, beat * 50);
  return meter;
}

function look(meter: SilenceMeter, nowMs: number, beats: number, beatAtMs: number, activeMs = 0): number {
  return meter.look({ nowMs, beats, beatAtMs, activeMs });
}

describe('SilenceMeter', () => {
  it('says how long the next beat is overdue', () => {
    const meter = meterAfter(2);
    expect([150, 200, 250].map((nowMs) => look(meter, nowMs, 2, 100))).toEqual([0, 50, 100]);
    expect(look(meter, 300, 3, 290)).toBe(0);
  });

  it('does not count time in which the watchdog was stopped as well', () => {
    const meter = meterAfter(2);
    expect(look(meter, 3_100, 2, 100)).toBeLessThanOrEqual(50);
    expect(look(meter, 3_150, 2, 100)).toBeLessThanOrEqual(100); // and the silence since then does count
    expect(meter.lostMs).toBe(2_950);
  });

  it('does not count it either when a beat came between the last look and the stop', () => {
    const meter = meterAfter(2);
    expect(look(meter, 3_120, 3, 120)).toBe(0);
  });

  it('counts a silence that begins after the process went on', () => {
    const meter = meterAfter(2);
    look(meter, 3_100, 3, 3_090);
    expect([3_150, 3_200, 3_250].map((nowMs) => look(meter, nowMs, 3, 3_090))).toEqual([0, 50, 100]);
  });

  it('counts the time in which the watchdog was at work', () => {
    const meter = meterAfter(2);
    expect(look(meter, 400, 2, 100, 200)).toBe(250);
    expect(meter.lostMs).toBe(0);
  });

  it('takes sleeps that are a little too long as they are', () => {
    const meter = meterAfter(2);
    look(meter, 190, 2, 100);
    expect(look(meter, 280, 2, 100)).toBe(130);
  });
});
