import { expect, it } from 'vitest';
import { makeCertificates } from '../support/certificates.ts';
import { type TlsCensus, takeTlsCensus, untilTlsCensusIs } from './churn/census.ts';
import { TlsChurn, WAYS } from './churn/tls-churn.ts';

/** `pnpm soak tls-churn` is the long form, of 10,000. */
const CONNECTIONS = 800;
const AT_ONCE = 50;

it(`TLS servers and clients leave nothing behind and nothing waiting, over ${CONNECTIONS} connections that end in every way`, {
  timeout: 240_000,
}, async () => {
  const [own, stranger] = [makeCertificates(), makeCertificates()];
  await using churn = new TlsChurn(1);
  await churn.open(own, stranger);
  // Once each, so that what is made on first use is there before anything is counted.
  await churn.runEach();
  await churn.runWave(AT_ONCE);
  const before = await takeTlsCensus(churn.signal);
  for (let done = 0; done < CONNECTIONS; done += AT_ONCE) await churn.runWave(AT_ONCE);
  const after = await untilTlsCensusIs(before, churn.signal);
  expect(after).toEqual({ ...before, ...fewer(before, after) });
  expect(churn.unhandled).toEqual([]);
  expect(churn.errors).toEqual([]);
  expect(WAYS).toBeGreaterThanOrEqual(25);
  expect(churn.times.size).toBe(WAYS);
  for (const server of churn.servers) {
    const stats = server.stats();
    const closed = Object.values(stats.closed).reduce((sum, count) => sum + count);
    expect(stats).toMatchObject({ open: 0, queuedBytes: 0 });
    expect(closed + stats.detached).toBe(stats.opened);
  }
  expect(churn.servers[0]?.stats().opened).toBeGreaterThan(CONNECTIONS / 10);
  expect(await churn.timersAfterAMinute()).toBe(0);
  own.remove();
  stranger.remove();
});

/** What there is less of than before, which is no leak. */
function fewer(before: TlsCensus, after: TlsCensus): Partial<TlsCensus> {
  const names = Object.keys(before) as (keyof TlsCensus)[];
  return Object.fromEntries(
    names.filter((name) => after[name] < before[name]).map((name) => [name, after[name]]),
  );
}
