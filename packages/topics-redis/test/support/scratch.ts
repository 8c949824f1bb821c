import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, onTestFinished, TestRunner } from 'vitest';

/** Makes an empty folder for a test. */
export function scratchFolder(): string {
  return mkdtempSync(join(tmpdir(), 'topics-redis-'));
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

const leftovers: (() => unknown)[] = [];

afterAll(async () => {
  for (const clean of leftovers.splice(0).reverse()) await clean();
});

/**
 * Calls a function at the end of the test that runs, whether it passes or fails. In a hook such as `beforeAll`: at the end
 * of the test file.
 */
export function atTheEnd(clean: () => unknown): void {
  if (TestRunner.getCurrentTest() === undefined) leftovers.push(clean);
  else onTestFinished(async () => void (await clean()));
}

/**
 * Ports that no system uses for outgoing connections: while a server is stopped, another program could be connected from
 * its port otherwise, or a client that tries again and again be connected to itself.
 */
const [FIRST_PORT, LAST_PORT] = [12_000, 32_000];

/** Returns a port on which nothing listens. Another process may take it before the caller does. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}

/** How often a condition is looked at, in milliseconds. */
const POLL_MS = 20;
/** Longest wait for a condition, in milliseconds. */
const LONGEST_WAIT_MS = 50_000;

/** Waits until a condition holds. A rejection counts as `false`. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + LONGEST_WAIT_MS;
  let failure: unknown;
  while (performance.now() < end) {
    try {
      if (await condition()) return;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    await wait(POLL_MS);
  }
  throw new Error(`waited in vain: ${what}`, { cause: failure });
}
