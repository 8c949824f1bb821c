import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { IOLoop } from '../src/index.ts';

const PROGRAM = fileURLToPath(new URL('fixtures/retention-program.mjs', import.meta.url));

let fates: Readonly<Record<string, string>> = {};

beforeAll(async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', PROGRAM]);
  fates = JSON.parse(stdout);
});

describe('the async context of a request that has ended', () => {
  it.each([
    ['addCallback', 'a callback that has run [LOOP-04]'],
    ['addFuture', 'a callback of a promise that has run [LOOP-07]'],
    ['callLater', 'a timer that has fired [LOOP-05]'],
    ['removeTimeout', 'a timer that was removed [LOOP-05]'],
    ['periodicCallback', 'a periodic callback that was stopped [LOOP-10]'],
    ['sleep', 'a sleep that is over, with a signal that lives on [FUT-06]'],
    ['sleepStopped', 'a sleep that was aborted [FUT-06]'],
    ['conditionStopped', 'a wait for a condition that was aborted [LOCK-01]'],
    ['conditionLate', 'a wait for a condition whose time has passed [LOCK-01]'],
    ['eventStopped', 'a wait for an event that was aborted [LOCK-02]'],
    ['eventLate', 'a wait for an event whose time has passed [LOCK-02]'],
    ['semaphoreStopped', 'an acquire that was aborted [LOCK-03]'],
    ['semaphoreLate', 'an acquire whose time has passed [LOCK-03]'],
    ['lockStopped', 'a run with a lock that was aborted [LOCK-04]'],
    ['lockLate', 'a run with a lock whose time has passed [LOCK-04]'],
    ['getStopped', 'a get that was aborted [Q-01]'],
    ['getLate', 'a get whose time has passed [Q-01]'],
    ['putStopped', 'a put that was aborted [Q-01]'],
    ['putLate', 'a put whose time has passed [Q-01]'],
    ['joinStopped', 'a join that was aborted [Q-02]'],
    ['joinLate', 'a join whose time has passed [Q-02]'],
    ['queueItem', 'an item that was taken [Q-01]'],
    ['firstOfSignal', 'the first wait with a signal that others still wait with [LOCK-01]'],
    ['withTimeoutStopped', 'an aborted wait for a promise that stays pending [FUT-05]'],
    ['withTimeoutLate', 'a wait whose time has passed, for a promise that stays pending [FUT-05]'],
    ['withTimeoutOfFunction', 'a wait for a function that returned such a promise [FUT-05]'],
    ['waitIterator', 'an iterator that was left while an item stays pending [FUT-06]'],
    ['waitIteratorItems', 'outcomes of such an iterator, taken and not [FUT-06]'],
    ['multi', 'a wait for several items [FUT-04]'],
    ['coroutine', 'a generator coroutine [FUT-03]'],
  ])('is collected after %s: %s', (scenario) => {
    expect(fates[scenario]).toBe('collected');
  });

  it('is collected after a handler that was removed, where there are handlers [LOOP-06]', () => {
    const native = IOLoop.current().backend === 'native';
    expect(fates.removeHandler).toBe(native ? 'collected' : 'ERR_LOOP_NOT_SUPPORTED');
  });

  it('is kept by a leak on purpose, so that these tests can fail', () => {
    expect(fates.leak).toBe('kept');
  });
});
