import { setTimeout as sleep } from 'node:timers/promises';

/** What the harness asks of this program. */
export const settings = JSON.parse(process.argv[2] ?? '{}');

/**
 * Lets work that goes on by itself warm up, then counts it between two moments.
 *
 * @param {() => number} done - how much was done so far.
 * @returns {Promise<{ count: number, cpuNs: number, wallNs: number }>}
 */
export async function measure(done) {
  await sleep(settings.warmupMs);
  const [before, cpuBefore, wallBefore] = [done(), cpuNs(), performance.now()];
  await sleep(settings.measureMs);
  return {
    count: done() - before,
    cpuNs: cpuNs() - cpuBefore,
    wallNs: (performance.now() - wallBefore) * 1e6,
  };
}

/** User and system time of all threads so far: those that compile and collect garbage work for the row too. */
export function cpuNs() {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

/** @param {object} result */
export function answer(result) {
  // When the line has left: the descriptors that a row holds are the system's to close.
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
}
