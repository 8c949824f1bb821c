import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { atTheEnd, removeFolder, scratchFolder } from './scratch.ts';

const SOURCE = fileURLToPath(new URL('redis-clock.c', import.meta.url));

/**
 * A wall clock for servers of Redis that stands still until a test advances it: `TIME`, ids of streams and the expiry of
 * keys follow it. What a server does now and then (`serverCron`) does not.
 *
 * @example
 * const clock = new RedisClock();
 * const redis = await startRedis({ env: clock.env });
 */
export class RedisClock {
  /** The environment of the servers that have this clock. */
  readonly env: Readonly<Record<string, string>>;
  readonly #file: number;
  #nowMs: number;

  /** @param startMs - milliseconds since the Unix epoch. */
  constructor(startMs = 1_700_000_000_000) {
    const folder = scratchFolder();
    const [file, library] = [join(folder, 'now'), join(folder, 'clock.so')];
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-Wall', '-o', library, SOURCE]);
    this.env = { LD_PRELOAD: library, REDIS_CLOCK_FILE: file };
    this.#file = openSync(file, 'w');
    this.#nowMs = startMs;
    this.#write();
    atTheEnd(() => {
      closeSync(this.#file);
      removeFolder(folder);
    });
  }

  /** Milliseconds since the Unix epoch. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** @param ms - negative: back, as a clock that is set. */
  advance(ms: number): void {
    this.#nowMs += ms;
    this.#write();
  }

  #write(): void {
    const microseconds = Buffer.alloc(8);
    microseconds.writeBigInt64LE(BigInt(Math.round(this.#nowMs * 1000)));
    writeSync(this.#file, microseconds, 0, microseconds.length, 0);
  }
}
