/** The benchmark cannot go on, for a reason outside its own code; the message says what to do. */
export class BenchError extends Error {
  name = 'BenchError';
  code = 'ERR_BENCH';
}
