import { describe, expect, it } from 'vitest';
import { makeIdentity } from '../fixtures/certificates.ts';
import { DISTURBANCES } from './restarting-server.ts';
import { Soak } from './soak.ts';

describe('AsyncHTTPClient and servers that restart at random', () => {
  it('settles every fetch with its own response or a code, and sends none twice that must not be [SH-10] [ATT-73]', {
    timeout: 120_000,
  }, async () => {
    const identity = makeIdentity('IP:127.0.0.1');
    await Soak.warmUp(identity);
    const soak = new Soak({
      seed: 2,
      identity,
      concurrency: 16,
      maxBetween: 40,
      continues: (count) => count < 2 * DISTURBANCES.length,
    });
    const report = await soak.run();
    expect(report.findings).toEqual([]);
    expect([...report.disturbances.keys()]).toEqual(DISTURBANCES);
    expect(report.outcomes.get('response')).toBeGreaterThan(0);
    expect(report.stats).toMatchObject({ connections: 0, idle: 0, queued: 0, origins: 0 });
  });
});
