/**
 * Tells the harness where we listen, as one line of JSON, and obeys its two signals: SIGTERM ends the process,
 * SIGUSR2 collects garbage (where node runs with --expose-gc) and says what the heap then holds.
 *
 * @param {{ port: number, backend: string }} about
 */
export function ready(about) {
  process.on('SIGTERM', () => process.exit(0));
  process.on('SIGUSR2', () => {
    // Twice, with a turn between: finalisers of the first may let go of more.
    globalThis.gc?.();
    setTimeout(() => {
      globalThis.gc?.();
      const { heapUsed, external } = process.memoryUsage();
      print({ heapBytes: heapUsed + external });
    }, 100);
  });
  print(about);
}

/** @param {object} line */
function print(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
