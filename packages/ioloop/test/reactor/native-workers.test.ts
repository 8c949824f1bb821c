import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect } from 'vitest';
import { bindingPath, nativeIt } from '../fixtures/native-case.ts';
import { openDescriptors } from '../fixtures/native-sockets.ts';

const PROGRAM = fileURLToPath(new URL('../fixtures/worker-program.mjs', import.meta.url));
/** Set to 1000 to look for rare orders of events. */
const ROUNDS = Number(process.env.LANDSPOUT_WORKER_ROUNDS ?? 50);
const AT_ONCE = 3;

type Ending = 'terminate' | 'exit' | 'throw' | 'close' | 'select';

describe('a reactor in a worker thread', () => {
  nativeIt(
    'gives every descriptor back when the worker is terminated in the middle of its work',
    async (binding) => {
      await runWorker('terminate', 0); // what Node itself opens with the first worker stays open
      const [descriptors, slots] = [openDescriptors(), binding.liveSlots()];
      for (let round = 0; round < ROUNDS; round += AT_ONCE) {
        const delays = Array.from({ length: AT_ONCE }, (_, at) => (round + at) % 5);
        await Promise.all(delays.map((delay) => runWorker('terminate', delay)));
      }
      expect(openDescriptors()).toBe(descriptors);
      expect(binding.liveSlots()).toBe(slots);
    },
    undefined,
    60_000 + ROUNDS * 500,
  );

  for (const ending of ['exit', 'throw', 'close', 'select'] as const) {
    nativeIt(`gives every descriptor back when the worker ends in its own callback: ${ending}`, async () => {
      await runWorker('terminate', 0);
      const descriptors = openDescriptors();
      for (let round = 0; round < 3; round += 1) await runWorker(ending, 0);
      expect(openDescriptors()).toBe(descriptors);
    });
  }
});

/** Runs a worker until its reactor is busy, and a few turns longer, to end it at different moments. */
async function runWorker(ending: Ending, turns: number): Promise<void> {
  const worker = new Worker(PROGRAM, { workerData: { path: bindingPath(), ending }, stderr: true });
  const errors: unknown[] = [];
  worker.on('error', (error) => errors.push(error));
  const exited = new Promise((resolve) => worker.on('exit', resolve)); // `once` would reject with the error
  await Promise.race([new Promise((resolve) => worker.on('message', resolve)), exited]); // an error may overtake it
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  if (ending === 'terminate' || ending === 'select') await worker.terminate();
  await exited;
  expect(errors.map(String)).toEqual(ending === 'throw' ? ['Error: thrown in a batch'] : []);
}
