import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { buildPackages, compile, temporaryFolder } from './build.mjs';
import { Child } from './child.mjs';
import { describeMachine, fileLimit, requirePrograms, shareCores } from './machine.mjs';
import { writersOptions } from './options.mjs';
import { say } from './progress.mjs';
import { keepResults } from './results.mjs';

const SERVER = fileURLToPath(new URL('servers/writers-web.mjs', import.meta.url));
const REQUEST = 'GET / HTTP/1.1\r\nHost: bench\r\n\r\n';
const PAUSE_MS = 5;

/**
 * How long another connection waits for `Hello, world!` while handlers stream without end to clients that read as fast
 * as it comes. @param {string[]} args
 */
export async function writers(args) {
  const options = writersOptions(args);
  requirePrograms(['cc', 'taskset', 'prlimit']);
  if (options.build) buildPackages();
  const stage = { cores: shareCores(), files: fileLimit(), drain: compile('drain', temporaryFolder()) };
  const rows = [];
  for (const backend of ['native', 'portable']) {
    for (const count of options.counts) {
      say(`${count} writers, ${backend}`);
      rows.push(await measure(backend, count, options.seconds, stage));
    }
  }
  say('');
  console.table(rows);
  keepResults('writers', { machine: describeMachine(), settings: options, rows });
}

async function measure(backend, writers, seconds, { cores, files, drain }) {
  const env = { ...process.env, NODE_ENV: 'production', LANDSPOUT_BACKEND: backend };
  const server = new Child('the server', [process.execPath, SERVER], { cores: cores.server, files, env });
  const { port } = await server.nextLine();
  const reader = new Child('drain', [drain, String(port), String(writers)], { cores: cores.load, files });
  await reader.nextLine();
  await sleep(1000);
  const before = await reader.nextLine();
  const waits = await ping(port, seconds * 1000);
  // A line each second, so that some wait from before.
  let after = before;
  for (let lines = 0; lines < seconds; lines += 1) after = await reader.nextLine();
  await reader.stop();
  await server.stop();
  const at = (part) => Number((waits[Math.floor((waits.length - 1) * part)] ?? 0).toFixed(2));
  const rate = Math.round((after.bytes - before.bytes) / seconds / 1e6);
  return {
    backend,
    writers,
    requests: waits.length,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: at(1),
    'MB/s': rate,
  };
}

/** One request after the other on one connection. @returns {Promise<number[]>} how long each took, sorted. */
async function ping(port, forMs) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const waits = [];
  const end = performance.now() + forMs;
  while (performance.now() < end) {
    const start = performance.now();
    socket.write(REQUEST);
    await new Promise((resolve, reject) => socket.once('data', resolve).once('error', reject));
    waits.push(performance.now() - start);
    socket.removeAllListeners('error');
    await sleep(PAUSE_MS);
  }
  socket.destroy();
  return waits.sort((a, b) => a - b);
}
