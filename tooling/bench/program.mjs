// What the measured programs share: their settings, the lines that they print for the harness, and, for those that
// measure themselves, how they do.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** JSON in the first argument. */
export const settings = JSON.parse(process.argv[2] ?? '{}');
const { downBytes = 0, upBytes = 0, crowd, certificate, folder } = settings;

export const LISTEN = { port: 0, host: '127.0.0.1' };
export const TYPE = 'text/plain; charset=utf-8';
export const HTML = 'text/html; charset=utf-8';
export const JSON_TEXT = 'application/json; charset=utf-8';
/** web names itself unless told not to, so every row sends this name: web keeps its defaults. */
export const SERVER = 'Landspout';
/** Signs the cookies of each row. */
export const SECRET = 'a secret of at least thirty-two bytes';
/** How long an idle connection is kept; the defaults of the frameworks differ from 5 s to 75 s. */
export const IDLE_TIMEOUT_MS = 75_000;
/** The body of every response, made before the first request. */
export const BODY = downBytes > 0 ? textOf(downBytes) : 'Hello, world!';
/** Whether requests bring a body, which the handler has completely before it responds with its length. */
export const UPLOADS = upBytes > 0;

/** What a server over TLS has; undefined for one without. */
export const TLS = certificate && {
  cert: readFileSync(`${folder}/${certificate}.crt`, 'utf8'),
  key: readFileSync(`${folder}/${certificate}.key`, 'utf8'),
};

const shared = crowd && textOf(crowd.responseBytes);

/** The response that a bad client requests and never reads: one Buffer for all, or with `fresh` one for each. */
export function largeBody() {
  return crowd.fresh ? textOf(crowd.responseBytes) : shared;
}

function textOf(bytes) {
  return Buffer.alloc(bytes, 'All work and no play. ');
}

/** The backend of a loop, and for a server over TLS what performs it: to look that up loads it. */
export function about(loop) {
  const { backend } = loop;
  return TLS === undefined ? { backend } : { backend, tls: loop.tls, tlsReason: loop.tlsReason };
}

/**
 * Prints where the program listens, and obeys two signals: SIGTERM ends the process, and SIGUSR2 is that of
 * {@link collectOnSignal}.
 *
 * @param {{ port: number, backend: string }} line
 */
export function ready(line) {
  process.on('SIGTERM', () => process.exit(0));
  collectOnSignal();
  print({ pid: process.pid, ...line });
}

/** SIGUSR2 collects garbage (if the process runs with --expose-gc) and prints what the heap then holds. */
export function collectOnSignal() {
  process.on('SIGUSR2', () => {
    // Twice, with a turn between: finalisers of the first may release more.
    globalThis.gc?.();
    setTimeout(() => {
      globalThis.gc?.();
      const { heapUsed, external } = process.memoryUsage();
      print({ heapBytes: heapUsed + external });
    }, 100);
  });
}

/**
 * Lets work that goes on by itself warm up, then counts it between two moments.
 *
 * @param {() => number} done - how much was done so far.
 * @returns {Promise<{ count: number, cpuNs: number, systemNs: number, wallNs: number }>}
 */
export async function measure(done) {
  await sleep(settings.warmupMs);
  const [before, cpuBefore, systemBefore] = [done(), cpuNs(), systemNs()];
  const wallBefore = performance.now();
  await sleep(settings.measureMs);
  return {
    count: done() - before,
    cpuNs: cpuNs() - cpuBefore,
    systemNs: systemNs() - systemBefore,
    wallNs: (performance.now() - wallBefore) * 1e6,
  };
}

/** User and system time of all threads so far: those that compile and collect garbage work for the row too. */
export function cpuNs() {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

function systemNs() {
  return process.cpuUsage().system * 1000;
}

/** Prints the result and ends the process after it is written. @param {object} result */
export function report(result) {
  print(result, () => process.exit(0)); // The kernel closes the descriptors that a row holds.
}

/** Prints a line for the harness. @param {object} line @param {() => void} [written] */
export function print(line, written) {
  process.stdout.write(`${JSON.stringify(line)}\n`, written);
}
