import { AsyncLocalStorage } from 'node:async_hooks';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** Undefined in a program that is no test, where {@link withLeftovers} is used. */
const vitest = process.env.VITEST === undefined ? undefined : await import('vitest');

/** Makes an empty folder for a test. */
export function scratchFolder(): string {
  return mkdtempSync(join(tmpdir(), 'topics-redis-'));
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

type Leftovers = (() => unknown)[];

const leftoversOfFile: Leftovers = [];
const ownLeftovers = new AsyncLocalStorage<Leftovers>();

vitest?.afterAll(() => cleanAll(leftoversOfFile));

/**
 * Calls a function at the end of the {@link withLeftovers} that runs or, without one, of the test that runs, whether it
 * passes or fails. In a hook such as `beforeAll`: at the end of the test file.
 */
export function atTheEnd(clean: () => unknown): void {
  const own = ownLeftovers.getStore();
  if (own !== undefined) own.push(clean);
  else if (vitest?.TestRunner.getCurrentTest() === undefined) leftoversOfFile.push(clean);
  else vitest.onTestFinished(async () => void (await clean()));
}

/** Does some work, and then calls what was passed to {@link atTheEnd} meanwhile, whether it has resolved or rejected. */
export function withLeftovers<Result>(work: () => Promise<Result>): Promise<Result> {
  const own: Leftovers = [];
  return ownLeftovers.run(own, async () => {
    try {
      return await work();
    } finally {
      await cleanAll(own);
    }
  });
}

async function cleanAll(leftovers: Leftovers): Promise<void> {
  for (const clean of leftovers.splice(0).reverse()) await clean();
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

/** Returns the number of the TCP sockets of this process: also those that listen, and those that keep no process alive. */
export function openSockets(): number {
  const { report } = process;
  if (report === undefined) throw new Error('process.report was expected');
  const { libuv } = report.getReport() as { readonly libuv: readonly { readonly type: string }[] };
  return libuv.filter(({ type }) => type === 'tcp').length;
}
