// Replaces a version of the chat server behind nginx by the next one while clients publish and read, and counts what each
// of them got. Needs nginx, and redis-server unless REDIS_URL is set; see README.md.
// Run: node rolling-deploy/deploy.ts [--clients 5000] [--room 20] [--publish-ms 500] [--seconds 5] [--drain-ms 30000]
//      [--closes-per-second 500]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Crowd } from './crowd.ts';
import { Nginx } from './nginx.ts';
import { freePort, Program, servedBy } from './programs.ts';
import { describe } from './report.ts';

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '5000' },
    room: { type: 'string', default: '20' },
    'publish-ms': { type: 'string', default: '500' },
    seconds: { type: 'string', default: '5' },
    'drain-ms': { type: 'string', default: '30000' },
    'closes-per-second': { type: 'string', default: '500' },
  },
});
const clients = Number(values.clients);
const calmMs = Number(values.seconds) * 1000;
const drainMs = Number(values['drain-ms']);
let redisUrl = process.env.REDIS_URL;

const folder = mkdtempSync(path.join(tmpdir(), 'rolling-deploy-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
/** Undone in reverse order, however the deploy ends. */
const undo: (() => unknown)[] = [];
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void undoAll().finally(() => process.exit(1)));
try {
  process.exitCode = await deploy();
} finally {
  await undoAll();
}

async function undoAll(): Promise<void> {
  for (let act = undo.pop(); act !== undefined; act = undo.pop()) await act();
}

/** @returns 0 if nothing was lost, doubled or out of order. */
async function deploy(): Promise<number> {
  const one = await startServer('1');
  const nginx = new Nginx({ folder, port: await freePort(), clients, shutdownMs: drainMs });
  undo.push(() => nginx.stop());
  nginx.start(one.port);
  await servedBy('1', nginx.url);
  const crowd = new Crowd(nginx.url, {
    clients,
    roomSize: Number(values.room),
    publishMs: Number(values['publish-ms']),
  });
  try {
    say(`version 1 runs; connecting ${clients} clients`);
    await crowd.connect();
    crowd.startPublishing();
    await sleep(calmMs);

    say('starting version 2');
    const two = await startServer('2');
    nginx.switchTo(two.port);
    await servedBy('2', nginx.url);
    say('new connections get version 2; version 1 drains');
    crowd.mark();
    const code = await one.server.stop();
    say(`version 1 has ended with ${code}`);
    await sleep(calmMs);

    await crowd.finish();
    const report = crowd.report();
    console.log(describe(report));
    const { lost, doubled, disordered, gaps } = report;
    return lost + doubled + disordered + gaps > 0 || code !== 0 ? 1 : 0;
  } finally {
    crowd.close(); // First: otherwise clients would connect again while the servers stop.
  }
}

async function startServer(version: string): Promise<{ server: Program; port: number }> {
  if (redisUrl === undefined) {
    const { redis, url } = await Program.redis(folder);
    undo.push(() => redis.stop());
    redisUrl = url;
  }
  const started = await Program.server({
    VERSION: version,
    REDIS_URL: redisUrl,
    DRAIN_MS: String(drainMs),
    CLOSES_PER_SECOND: String(values['closes-per-second']),
  });
  undo.push(() => started.server.stop());
  return started;
}

function say(text: string): void {
  console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);
}
