import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { IOLoop } from '@landspout/ioloop';
import { describe, expect, it } from 'vitest';
import { makeCertificates } from '../support/certificates.ts';
import { openDescriptors, until } from '../support/until.ts';

const PROGRAM = fileURLToPath(new URL('support/tls-worker.mjs', import.meta.url));
/** Set to 500 to look for rare orders of events. */
const ROUNDS = Number(process.env.LANDSPOUT_WORKER_ROUNDS ?? 12);

describe('a worker with TLS servers and clients', () => {
  it('leaves nothing behind when it is terminated in the middle of handshakes [STR-15]', {
    timeout: 60_000 + ROUNDS * 2_000,
  }, async () => {
    const { cert, key, remove } = makeCertificates();
    remove();
    const run = async (connections: number): Promise<void> => {
      const worker = new Worker(PROGRAM, {
        workerData: { cert: String(cert), key: String(key), connections },
        stderr: true,
        // Without those of the test runner, which would resolve the packages to their sources.
        execArgv: [],
      });
      const errors: unknown[] = [];
      worker.on('error', (error) => errors.push(error));
      const exited = new Promise((resolve) => worker.on('exit', resolve));
      await Promise.race([new Promise((resolve) => worker.on('message', resolve)), exited]);
      await worker.terminate();
      await exited;
      expect(errors).toEqual([]);
    };
    await run(1); // what Node itself opens with the first worker stays open
    const { reactor } = IOLoop.current();
    const [descriptors, slots] = [openDescriptors(), reactor?.binding.liveSlots()];
    // In pairs, and each after another number of connections.
    for (let round = 0; round < ROUNDS; round += 2) await Promise.all([run(1 + round), run(2 + round)]);
    // With node:tls on the native backend, a worker can end between the release of a descriptor and its adoption by Node.
    if (IOLoop.current().tls === 'native' || reactor === undefined)
      await until(() => openDescriptors() <= descriptors);
    expect(reactor?.binding.liveSlots()).toBe(slots);
  });
});
