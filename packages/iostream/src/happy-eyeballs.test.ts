import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { connectToAny } from './happy-eyeballs.ts';
import { memoryPair } from './memory-transport.ts';
import type { ResolvedAddress } from './resolver.ts';
import type { Transport } from './transport.ts';

const v6 = (n: number): ResolvedAddress => ({ address: `2001:db8::${n}`, family: 6 });
const v4 = (n: number): ResolvedAddress => ({ address: `192.0.2.${n}`, family: 4 });

interface Attempt {
  readonly signal: AbortSignal;
  succeed(): Transport;
  fail(error: Error): void;
}

/** A race over addresses whose attempts end when the test says so. */
function race(addresses: readonly ResolvedAddress[]) {
  const clock = new VirtualClock();
  const controller = new AbortController();
  const attempts = new Map<string, Attempt>();
  const connectTo = ({ address }: ResolvedAddress, signal: AbortSignal): Promise<Transport> =>
    new Promise((resolve, reject) => {
      attempts.set(address, {
        signal,
        succeed() {
          const [transport] = memoryPair();
          resolve(transport);
          return transport;
        },
        fail: reject,
      });
    });
  const outcome = connectToAny(addresses, connectTo, clock, controller.signal);
  outcome.catch(() => {});
  const attempt = (address: ResolvedAddress): Attempt => attempts.get(address.address) as Attempt;
  const tried = () => [...attempts.keys()];
  return { clock, controller, outcome, attempt, tried };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('connectToAny', () => {
  it('tries the family of the first address alone for 300 ms [CON-02]', async () => {
    const { clock, tried, attempt, outcome } = race([v6(1), v4(1), v6(2)]);
    expect(tried()).toEqual([v6(1).address]);
    await clock.advance(299);
    expect(tried()).toEqual([v6(1).address]);
    await clock.advance(1);
    expect(tried()).toEqual([v6(1).address, v4(1).address]);
    const winner = attempt(v4(1)).succeed();
    expect(await outcome).toBe(winner);
    expect(attempt(v6(1)).signal.aborted).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('starts the other family at once when the first attempt fails [CON-02]', async () => {
    const { tried, attempt, outcome } = race([v4(1), v4(2), v6(1)]);
    attempt(v4(1)).fail(new Error('refused'));
    await settle();
    expect(tried()).toEqual([v4(1).address, v4(2).address, v6(1).address]);
    const winner = attempt(v4(2)).succeed();
    expect(await outcome).toBe(winner);
  });

  it('has one attempt of each family under way [CON-02]', async () => {
    const { clock, tried, attempt } = race([v4(1), v4(2), v6(1), v6(2)]);
    await clock.advance(10_000);
    expect(tried()).toEqual([v4(1).address, v6(1).address]);
    attempt(v6(1)).fail(new Error('refused'));
    await settle();
    expect(tried()).toEqual([v4(1).address, v6(1).address, v6(2).address]);
  });

  it('closes a winner that comes too late [CON-02]', async () => {
    const { clock, attempt, outcome } = race([v4(1), v6(1)]);
    await clock.advance(300);
    attempt(v4(1)).succeed();
    await outcome;
    const late = attempt(v6(1)).succeed();
    const closed = new Promise<void>((resolve) => {
      late.attach({ received() {}, ended() {}, sent() {}, closed: () => resolve() });
    });
    await closed;
  });

  it('throws the last error when all have failed [CON-02]', async () => {
    const { attempt, outcome, clock } = race([v4(1), v6(1)]);
    attempt(v4(1)).fail(new Error('first'));
    await settle();
    attempt(v6(1)).fail(new Error('last'));
    await expect(outcome).rejects.toThrow('last');
    expect(clock.pending).toBe(0);
  });

  it('stops every attempt when it is aborted [CON-02]', async () => {
    const { clock, controller, attempt, outcome } = race([v4(1), v6(1)]);
    await clock.advance(300);
    const reason = new Error('never mind');
    controller.abort(reason);
    await expect(outcome).rejects.toBe(reason);
    expect([attempt(v4(1)).signal.aborted, attempt(v6(1)).signal.aborted]).toEqual([true, true]);
    expect(clock.pending).toBe(0);
  });
});
