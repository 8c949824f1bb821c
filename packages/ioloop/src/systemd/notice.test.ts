import { describe, expect, it } from 'vitest';
import { assignmentsOf, type SystemdNotice } from './notice.ts';

const assigned = (notice: SystemdNotice): readonly string[] => assignmentsOf(notice, () => 1_234_567n);

describe('assignmentsOf', () => {
  it.each<[SystemdNotice, string[]]>([
    [{ ready: true }, ['READY=1']],
    [{ reloading: true }, ['RELOADING=1', 'MONOTONIC_USEC=1234567']],
    [{ stopping: true, extendTimeoutMs: 0.5 }, ['STOPPING=1', 'EXTEND_TIMEOUT_USEC=500']],
    [{ watchdog: true, ready: false }, ['WATCHDOG=1']],
    [{ ready: true, status: 'listening on ☃' }, ['READY=1', 'STATUS=listening on ☃']],
    [{ status: '' }, ['STATUS=']],
  ])('writes %o', (notice, assignments) => {
    expect(assigned(notice)).toEqual(assignments);
  });

  it('keeps a status on its line, so that text from elsewhere makes no assignment', () => {
    expect(assigned({ status: 'failed:\nMAINPID=1\r\n\0\u2028x\x1b[2J' })).toEqual([
      'STATUS=failed: MAINPID=1 x [2J',
    ]);
  });

  it('clips a long status, so that the notice fits in a datagram that systemd reads', () => {
    const [status = ''] = assigned({ status: '☃'.repeat(5_000) });
    expect(status).toBe(`STATUS=${'☃'.repeat(999)}…`);
    expect(Buffer.byteLength(status)).toBeLessThan(4_096);
  });

  it.each([
    [{}, 'a notice that says something'],
    [{ ready: false }, 'a notice that says something'],
    [{ reday: true }, 'unknown option "reday": did you mean "ready"?'],
    [{ ready: 1 }, 'ready: true or false was expected, not 1'],
    [{ status: 5 }, 'status: a string was expected, not 5'],
    [{ extendTimeoutMs: 0 }, 'extendTimeoutMs: a number above 0'],
    [{ extendTimeoutMs: Number.NaN }, 'extendTimeoutMs: a number above 0'],
    [null, 'an object of options was expected, not null'],
  ])('refuses %o', (notice, problem) => {
    const make = () => assigned(notice as SystemdNotice);
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_LOOP_USAGE' }));
    expect(make).toThrow(problem);
  });
});
