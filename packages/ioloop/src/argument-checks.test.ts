import { describe, expect, it } from 'vitest';
import { ArgumentChecks } from './argument-checks.ts';

class Refusal extends Error {}
const checks = new ArgumentChecks((problem) => new Refusal(problem));

/** The message of the error that a check throws. */
function refusal(check: () => unknown): string {
  try {
    check();
  } catch (error) {
    expect(error).toBeInstanceOf(Refusal);
    return (error as Error).message;
  }
  return expect.fail('the check was expected to throw');
}

describe('ArgumentChecks', () => {
  it('returns the value that it has checked', () => {
    const callback = (): void => {};
    const clock = { now: () => 0 };
    expect(checks.wholeNumber('listen', 'backlog', 5)).toBe(5);
    expect(checks.number('write', 'maxBytes', Infinity)).toBe(Infinity);
    expect(checks.positiveNumber('write', 'pace', 0.5)).toBe(0.5);
    expect(checks.durationMs('sleep', 'ms', 2 ** 31 - 1)).toBe(2 ** 31 - 1);
    expect(checks.boolean('listen', 'reusePort', false)).toBe(false);
    expect(checks.callback('on', 'callback', callback)).toBe(callback);
    expect(checks.oneOf('connect', 'family', 6, [4, 6])).toBe(6);
    expect(checks.withMethods('sleep', 'a clock', clock, 'now')).toBe(clock);
  });

  it('takes a signal, and none', () => {
    checks.signal('read', AbortSignal.abort());
    checks.signal('read', undefined);
  });

  it.each([
    [() => checks.wholeNumber('listen', 'backlog', 0, 1), 'backlog: a whole number of 1 or more'],
    [() => checks.wholeNumber('listen', 'backlog', 9, 1, 5), 'backlog: a whole number of 1 to 5'],
    [() => checks.number('write', 'maxBytes', -1), 'maxBytes: a number of 0 or more'],
    [() => checks.positiveNumber('write', 'pace', 0), 'pace: a number above 0, and of at most 2147483647,'],
    [() => checks.durationMs('sleep', 'ms', 2 ** 31), 'ms: 0 to 2147483647 ms'],
    [() => checks.boolean('listen', 'reusePort', 1), 'reusePort: true or false'],
    [() => checks.callback('on', 'callback', {}), 'callback: a function'],
    [() => checks.oneOf<unknown>('open', 'mode', 'r', ['read', 'write']), "mode: 'read' or 'write'"],
    [() => checks.oneOf<unknown>('connect', 'family', 5, [4, 6]), 'family: 4 or 6'],
    [() => checks.signal('read', {}), 'signal: an AbortSignal'],
    [() => checks.withMethods('sleep', 'a clock', {} as { now(): number }, 'now'), 'a clock'],
    [() => checks.withMethods('sleep', 'a clock', null as never, 'now' as never), 'a clock'],
  ])('says what was expected: %#', (check, expected) => {
    expect(refusal(check)).toMatch(/^\w+: .* was expected, not .+$/);
    expect(refusal(check)).toContain(expected);
  });

  it('says what came', () => {
    expect(refusal(() => checks.wholeNumber('listen', 'backlog', 1.5))).toBe(
      'listen: backlog: a whole number of 0 or more was expected, not 1.5',
    );
  });

  it.each(['1', null, undefined, Number.NaN, 1n, true])('takes %s for no number', (value) => {
    refusal(() => checks.wholeNumber('f', 'x', value));
    refusal(() => checks.number('f', 'x', value));
    refusal(() => checks.positiveNumber('f', 'x', value));
    refusal(() => checks.durationMs('f', 'x', value));
  });

  it('names an option that is not known', () => {
    const known = { signal: true } as const;
    expect(refusal(() => checks.options('read', { sginal: 1 } as object, known))).toBe(
      'read: unknown option "sginal": did you mean "signal"?',
    );
  });
});
