import { randomFillSync } from 'node:crypto';

/** Makes unpredictable bytes, good until the next call. */
export type RandomBytes = (byteLength: number) => Uint8Array;

const pool = new Uint8Array(4096);
let used = pool.length;

/**
 * Bytes of the system's generator, each handed out once (RFC 6455 §10.3). Drawn in stock, since four bytes at a time
 * would cost a system call's worth of work per frame.
 */
export const pooledRandomBytes: RandomBytes = (byteLength) => {
  if (used + byteLength > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const start = used;
  used += byteLength;
  return pool.subarray(start, used);
};
