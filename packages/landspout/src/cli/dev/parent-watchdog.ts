import { Worker } from 'node:worker_threads';

/** How often the parent is looked for. */
const POLL_MS = 1_000;

/** CommonJS. Text rather than a file, which would be another entry of the build. */
const SOURCE = `
const { workerData: { parentPid, graceMs, pollMs } } = require('node:worker_threads');
const polling = setInterval(() => {
  if (process.ppid === parentPid) return;
  clearInterval(polling);
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), graceMs);
}, pollMs);
`;

/**
 * Kills this process some time after its parent is gone, also if the main thread is in an endless loop, where it can
 * neither notice it nor receive a signal. The thread for it does not keep the process alive.
 *
 * @param graceMs - the time that the main thread has to end the process.
 */
export function killAfterParent(parentPid: number, graceMs: number): void {
  try {
    const worker = new Worker(SOURCE, {
      eval: true,
      name: 'landspout dev',
      workerData: { parentPid, graceMs, pollMs: POLL_MS },
      // Without what Node imports for the program, and without its variables, such as NODE_OPTIONS.
      execArgv: [],
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2, codeRangeSizeMb: 4 },
    });
    worker.on('error', () => {});
    worker.unref();
  } catch {
    // Threads are not allowed (--permission): only a program that does not loop ends with its parent.
  }
}
