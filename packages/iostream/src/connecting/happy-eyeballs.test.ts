import { SystemError } from '@landspout/ioloop';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { targetName } from '../addresses/net-address.ts';
import type { Transport } from '../transport.ts';
import { memoryPair } from '../transports/memory-transport.ts';
import { type ConnectAttempt, type ConnectObserver, whenConnected } from './connect-attempt.ts';
import { type ConnectCandidate, connectToAny } from './happy-eyeballs.ts';

const v6 = (n: number): ConnectCandidate => ({ address: `2001:db8::${n}`, family: 6, port: 80 });
const v4 = (n: number): ConnectCandidate => ({ address: `192.0.2.${n}`, family: 4, port: 80 });

interface Attempt {
  readonly signal: AbortSignal;
  succeed(): Transport;
  fail(): void;
}

/** The outcome of a race as a promise. */
function outcomeOf(
  candidates: readonly ConnectCandidate[],
  connectTo: (candidate: ConnectCandidate, observer: ConnectObserver) => ConnectAttempt,
  clock: VirtualClock,
  signal?: AbortSignal,
): Promise<Transport> {
  return whenConnected(
    (observer) => connectToAny('many.example', candidates, connectTo, clock, observer),
    signal,
  );
}

/** A race over addresses whose attempts end when the test says so. */
function race(candidates: readonly ConnectCandidate[]) {
  const clock = new VirtualClock();
  const controller = new AbortController();
  const attempts = new Map<string, Attempt>();
  const connectTo = (candidate: ConnectCandidate, observer: ConnectObserver): ConnectAttempt => {
    const cancelled = new AbortController();
    attempts.set(candidate.address, {
      signal: cancelled.signal,
      succeed() {
        const [transport] = memoryPair();
        observer.connected(transport);
        return transport;
      },
      fail: () => observer.failed(new SystemError('ECONNREFUSED', 'connect', targetName(candidate))),
    });
    return { cancel: () => cancelled.abort() };
  };
  const outcome = outcomeOf(candidates, connectTo, clock, controller.signal);
  outcome.catch(() => {});
  const attempt = (candidate: ConnectCandidate): Attempt => attempts.get(candidate.address) as Attempt;
  const tried = () => [...attempts.keys()];
  return { clock, controller, outcome, attempt, tried };
}

const addressesOf = (...candidates: ConnectCandidate[]) => candidates.map(({ address }) => address);
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('connectToAny', () => {
  it('tries the next address after 250 ms, alternating between the families [CON-02]', async () => {
    const { clock, tried, attempt, outcome } = race([v6(1), v6(2), v6(3), v4(1), v4(2)]);
    const expected = addressesOf(v6(1), v4(1), v6(2), v4(2), v6(3));
    for (const count of [1, 2, 3, 4, 5]) {
      expect(tried()).toEqual(expected.slice(0, count));
      await clock.advance(249);
      expect(tried()).toEqual(expected.slice(0, count));
      await clock.advance(1);
    }
    const winner = attempt(v6(2)).succeed();
    expect(await outcome).toBe(winner);
    const losers = [v6(1), v4(1), v4(2), v6(3)];
    expect(losers.map((loser) => attempt(loser).signal.aborted)).toEqual([true, true, true, true]);
    expect(clock.pending).toBe(0);
  });

  it('tries the next address of the same family while the first is silent [CON-02]', async () => {
    const { clock, tried, attempt, outcome } = race([v4(1), v4(2)]);
    await clock.advance(250);
    expect(tried()).toEqual(addressesOf(v4(1), v4(2)));
    const winner = attempt(v4(2)).succeed();
    expect(await outcome).toBe(winner);
    expect(attempt(v4(1)).signal.aborted).toBe(true);
  });

  it('tries the next address at once when the one before it fails [CON-02]', async () => {
    const { clock, tried, attempt, outcome } = race([v4(1), v4(2), v6(1)]);
    attempt(v4(1)).fail();
    await settle();
    expect(tried()).toEqual(addressesOf(v4(1), v6(1)));
    await clock.advance(249);
    expect(tried()).toEqual(addressesOf(v4(1), v6(1)));
    await clock.advance(1);
    expect(tried()).toEqual(addressesOf(v4(1), v6(1), v4(2)));
    const winner = attempt(v6(1)).succeed();
    expect(await outcome).toBe(winner);
  });

  it('keeps the 250 ms of an attempt when an older one fails [CON-02]', async () => {
    const { clock, tried, attempt } = race([v4(1), v4(2), v4(3)]);
    await clock.advance(300);
    attempt(v4(1)).fail();
    await settle();
    expect(tried()).toEqual(addressesOf(v4(1), v4(2)));
    await clock.advance(200);
    expect(tried()).toEqual(addressesOf(v4(1), v4(2), v4(3)));
  });

  it('waits for all attempts under way after the last address was tried [CON-02]', async () => {
    const { clock, attempt, outcome } = race([v4(1), v4(2)]);
    await clock.advance(60_000);
    attempt(v4(2)).fail();
    await settle();
    const winner = attempt(v4(1)).succeed();
    expect(await outcome).toBe(winner);
  });

  it('has at most 16 attempts under way, and stops the oldest for the next [CON-02]', async () => {
    const candidates = Array.from({ length: 18 }, (_, at) => v4(at + 1));
    const { clock, tried, attempt, outcome } = race(candidates);
    await clock.advance(15 * 250);
    expect([tried().length, attempt(v4(1)).signal.aborted]).toEqual([16, false]);
    await clock.advance(250);
    expect([tried().length, attempt(v4(1)).signal.aborted, attempt(v4(2)).signal.aborted]).toEqual([
      17,
      true,
      false,
    ]);
    await clock.advance(250);
    const open = candidates.filter((candidate) => !attempt(candidate).signal.aborted);
    expect(open).toEqual(candidates.slice(2));
    for (const candidate of open) attempt(candidate).fail();
    const error = (await outcome.catch((failure) => failure)) as {
      errors: { code: string }[];
    };
    expect(error.errors.slice(0, 3).map(({ code }) => code)).toEqual([
      'ETIMEDOUT',
      'ETIMEDOUT',
      'ECONNREFUSED',
    ]);
    expect(error.errors.length).toBe(18);
  });

  it('closes a winner that comes too late [CON-02]', async () => {
    const { clock, attempt, outcome } = race([v4(1), v6(1)]);
    await clock.advance(250);
    attempt(v4(1)).succeed();
    const late = attempt(v6(1)).succeed();
    await outcome;
    const closed = new Promise<void>((resolve) => {
      late.attach({ received() {}, ended() {}, sent() {}, closed: () => resolve() });
    });
    await closed;
  });

  it('throws the error of the only address [CON-02]', async () => {
    const { attempt, outcome, clock } = race([v4(1)]);
    attempt(v4(1)).fail();
    await expect(outcome).rejects.toMatchObject({ name: 'SystemError', address: '192.0.2.1:80' });
    expect(clock.pending).toBe(0);
  });

  it('lists each address with its cause when all have failed [CON-02]', async () => {
    const { attempt, outcome, clock } = race([v4(1), v6(1)]);
    attempt(v4(1)).fail();
    await settle();
    attempt(v6(1)).fail();
    await expect(outcome).rejects.toMatchObject({
      name: 'ConnectError',
      code: 'ECONNREFUSED',
      syscall: 'connect',
      address: '[2001:db8::1]:80',
      message:
        'connect: none of the 2 addresses of "many.example" accepted the connection: ' +
        'connect 192.0.2.1:80: nothing is listening on this address (ECONNREFUSED); ' +
        'connect [2001:db8::1]:80: nothing is listening on this address (ECONNREFUSED)',
      errors: [{ address: '192.0.2.1:80' }, { address: '[2001:db8::1]:80' }],
    });
    expect(clock.pending).toBe(0);
  });

  it('lists eight errors in the message, and all in errors [CON-02]', async () => {
    const candidates = Array.from({ length: 10 }, (_, at) => v4(at + 1));
    const { attempt, outcome } = race(candidates);
    for (const candidate of candidates) {
      attempt(candidate).fail();
      await settle();
    }
    const error = (await outcome.catch((failure) => failure)) as Error & {
      errors: unknown[];
    };
    expect(error.message).toMatch(/192\.0\.2\.8:80: [^;]*; and 2 more$/);
    expect(error.errors.length).toBe(10);
  });

  it('stops every attempt when it is aborted [CON-02]', async () => {
    const { clock, controller, attempt, outcome } = race([v4(1), v6(1), v4(2)]);
    await clock.advance(250);
    const reason = new Error('never mind');
    controller.abort(reason);
    await expect(outcome).rejects.toBe(reason);
    expect([attempt(v4(1)).signal.aborted, attempt(v6(1)).signal.aborted]).toEqual([true, true]);
    expect(clock.pending).toBe(0);
  });

  it('tries nothing when it was aborted before [CON-02]', async () => {
    const reason = new Error('never mind');
    const connectTo = (): ConnectAttempt => {
      throw new Error('was tried');
    };
    const outcome = outcomeOf([v4(1)], connectTo, new VirtualClock(), AbortSignal.abort(reason));
    await expect(outcome).rejects.toBe(reason);
  });

  it('goes on to the next address when the system refuses one at once [CON-02]', async () => {
    const clock = new VirtualClock();
    const [winner] = memoryPair();
    const connectTo = ({ family }: ConnectCandidate, observer: ConnectObserver): ConnectAttempt => {
      if (family === 6) throw new SystemError('ENETUNREACH', 'connect');
      queueMicrotask(() => observer.connected(winner));
      return { cancel() {} };
    };
    expect(await outcomeOf([v6(1), v6(2), v4(1)], connectTo, clock)).toBe(winner);
    expect(clock.pending).toBe(0);
  });

  it('lists the errors of thousands of addresses that are all refused at once [CON-02]', async () => {
    const clock = new VirtualClock();
    const candidates = Array.from({ length: 12_000 }, (_, at) => v4(at));
    const connectTo = (candidate: ConnectCandidate): ConnectAttempt => {
      throw new SystemError('ENETUNREACH', 'connect', targetName(candidate));
    };
    const error = (await outcomeOf(candidates, connectTo, clock).catch((failure) => failure)) as Error & {
      errors: unknown[];
    };
    expect(error).toMatchObject({ name: 'ConnectError', code: 'ENETUNREACH' });
    expect([error.errors.length, clock.pending]).toEqual([12_000, 0]);
  });
});
