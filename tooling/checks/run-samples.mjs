import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { consumerEnv } from './consumer.mjs';
import { makeCertificates } from './make-certificates.mjs';
import { runToEnd } from './run-program.mjs';
import { readSecurely } from './secure-client.mjs';

/**
 * @typedef {import('./sources.mjs').Sample} Sample
 *
 * @typedef {object} RunningSample - the server of a sample.
 * @property {number} pid
 * @property {string} folder - with the certificates.
 *
 * @typedef {(port: number, server: RunningSample) => Promise<void>} Talk - what is said to the server on that port.
 */

/** The port that the samples name. Each run gets a free one instead. */
export const WRITTEN_PORT = /\b8888\b/g;

/** The headers of a client that opens a WebSocket (RFC 6455 §4.1). */
export const WEBSOCKET_HEADERS = [
  'Connection: Upgrade\r\nUpgrade: websocket\r\n',
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
].join('');

/** How long a server of a sample may take until it answers. */
const START_TIMEOUT_MS = 20_000;

/**
 * What is said to the servers of the samples, so that they show what the text beside them promises.
 *
 * @type {readonly (readonly [string, Talk])[]}
 */
const TALKS = [
  ['README.md 1', getUser],
  ['README.md 2', (port) => echoMessage(port)],
  ['README.md 3', echoBody],
  ['README.md 4', echoLine],
  ['packages/httpserver/README.md 1', echoBody],
  [
    'packages/httpserver/README.md 2',
    async (port, { folder }) => assert.equal(await readSecurely(port, folder), 'hello over TLSv1.3\n'),
  ],
  ['packages/httpserver/README.md 3', echoBody],
  ['packages/httpserver/README.md 4', echoBody],
  ['packages/landspout/README.md 1', greetAndEchoMessage],
  ['packages/telemetry/README.md 1', countOrder],
  ['packages/web/README.md 1', greetAndServeFile],
  ['packages/web/README.md 6', callContainers],
  ['packages/websocket/README.md 4', (port) => echoMessage(port, '/any')],
];

/** The samples that end by themselves. Those in neither list are compiled only: they need the network. */
const ENDING = new Set([
  ...['http1', 'ioloop', 'iostream', 'options', 'topics', 'websocket'].map(
    (folder) => `packages/${folder}/README.md 1`,
  ),
  'packages/iostream/README.md 2',
  'packages/topics/README.md 2',
  'packages/topics/README.md 3',
  'docs/metrics.md 3',
  'docs/logging.md 2',
  'docs/logging.md 3',
  'docs/tls.md 3',
  'docs/diagnostics.md 3',
  'docs/diagnostics.md 5',
]);

/** The samples that are clients, by the sample whose server they are for. They end by themselves. */
const CLIENTS = new Map([
  ['docs/tls.md 1', 'docs/tls.md 2'],
  ['docs/tls.md 5', 'docs/tls.md 6'],
  ['docs/tls.md 10', 'docs/tls.md 11'],
]);

/**
 * Runs the samples that can be run here. All samples of the top README, and of the pages in docs/, can.
 *
 * @param {string} folder - the consumer.
 * @param {readonly Sample[]} samples
 * @param {object} [how]
 * @param {ReadonlyMap<string, Talk>} [how.talks] - what is said to the server of each.
 * @param {Record<string, string>} [how.env] - such as the backend. Default: what the program chooses.
 * @returns {Promise<number>} how many ran.
 */
export async function runSamples(folder, samples, { talks = new Map(TALKS), env = {} } = {}) {
  // What samples serve, and the certificates that they name.
  mkdirSync(path.join(folder, 'public'), { recursive: true });
  writeFileSync(path.join(folder, 'public/index.html'), '<!DOCTYPE html><title>hello</title>');
  makeCertificates(folder);
  const clients = new Set(CLIENTS.values());
  let ran = 0;
  for (const sample of samples) {
    const talk = talks.get(sample.origin);
    const isEnding = ENDING.has(sample.origin);
    if (clients.has(sample.origin)) continue; // is run with its server
    if (talk === undefined && !isEnding && !sample.origin.startsWith('packages/')) {
      throw new Error(
        `it is not known what ${sample.origin} promises: add it to the talks in tooling/checks`,
      );
    }
    if (talk === undefined && !isEnding) continue;
    const port = await freePort();
    const client = samples.find(({ origin }) => origin === CLIENTS.get(sample.origin));
    const script = withPort(folder, sample, port);
    try {
      if (talk === undefined) await runToEnd(folder, [process.execPath, script], env);
      else {
        await talkTo({ folder, script, env: { ...consumerEnv(), ...env } }, async (pid) => {
          await talk(port, { pid, folder });
          if (client !== undefined)
            await runToEnd(folder, [process.execPath, withPort(folder, client, port)], env);
        });
      }
    } catch (error) {
      throw new Error(`${sample.origin}: ${/** @type {Error} */ (error).message}`, { cause: error });
    }
    ran += client === undefined ? 1 : 2;
  }
  return ran;
}

/** Writes a sample again with another port. @param {string} folder @param {Sample} sample @param {number} port */
function withPort(folder, { script }, port) {
  const copy = script.replace(/\.js$/, '.run.js');
  const source = readFileSync(path.join(folder, script), 'utf8');
  writeFileSync(path.join(folder, copy), source.replaceAll(WRITTEN_PORT, String(port)));
  return copy;
}

/**
 * Starts a server, talks to it, and stops it.
 *
 * @param {{ folder: string, script: string, env: NodeJS.ProcessEnv }} program
 * @param {(pid: number) => Promise<void>} talk
 */
async function talkTo({ folder, script, env }, talk) {
  const child = spawn(process.execPath, [script], { cwd: folder, env });
  let complaints = '';
  child.stderr.on('data', (bytes) => {
    complaints += bytes;
  });
  const closed = once(child, 'close');
  const deadline = performance.now() + START_TIMEOUT_MS;
  try {
    for (;;) {
      try {
        await talk(Number(child.pid));
        break;
      } catch (error) {
        // Only a server that does not listen yet is waited for. `fetch` has the code as its cause. On the portable
        // backend, the first of several processes may reset connections while it begins to listen.
        const { code, cause } = /** @type {NodeJS.ErrnoException & { cause?: NodeJS.ErrnoException }} */ (
          error
        );
        const isStarting = ['ECONNREFUSED', 'ECONNRESET'].includes(String(code ?? cause?.code));
        if (!isStarting || child.exitCode !== null || performance.now() > deadline) throw error;
        await delay(20);
      }
    }
    assert.equal(child.exitCode, null, 'the server ended by itself');
    assert.equal(complaints, '');
  } catch (error) {
    throw new Error(`${/** @type {Error} */ (error).message}\n${complaints}`, { cause: error });
  } finally {
    child.kill('SIGTERM');
    await closed;
  }
}

/** @param {number} port */
async function countOrder(port) {
  const url = `http://127.0.0.1:${port}`;
  assert.equal((await fetch(`${url}/orders`, { method: 'POST' })).status, 201);
  const page = await (await fetch(`${url}/metrics`)).text();
  assert.ok(page.includes('\norders_total{kind="book"} 1\n'), page);
}

/** @param {number} port */
async function getUser(port) {
  assert.equal(await get(port, '/user/42'), '{"hello":"42"}');
}

/** @param {number} port */
async function greetAndEchoMessage(port) {
  assert.equal(await get(port, '/hello/you'), '{"hello":"you"}');
  await echoMessage(port);
}

/** @param {number} port */
async function greetAndServeFile(port) {
  assert.equal(await get(port, '/hello/you?times=2'), '{"greeting":"Hello, you","times":2}');
  assert.match(await get(port, '/static/'), /<title>hello/);
}

/** @param {number} port */
async function callContainers(port) {
  assert.match(await get(port, '/api/one'), /^\{"url":"http:\/\/a\/one"\}$/);
  assert.equal(await get(port, '/two'), 'rest: /two');
}

/** @param {number} port */
export async function echoBody(port) {
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\n';
  const answer = await exchange(port, `${head}hello`);
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
  // As one piece, or as the only chunk.
  assert.match(answer, /\r\n\r\n(?:hello|5\r\nhello\r\n0\r\n\r\n)$/);
}

/** @param {number} port */
export async function echoLine(port) {
  assert.equal(await exchange(port, 'hello\nyou\n', /you\n$/), 'hello\nyou\n');
}

/** A masked text frame, which comes back without its mask (RFC 6455 §5.7). @param {number} port @param {string} [target] */
export async function echoMessage(port, target = '/echo') {
  const handshake = `GET ${target} HTTP/1.1\r\nHost: a\r\n${WEBSOCKET_HEADERS}\r\n`;
  const answer = await exchange(port, `${handshake}\x81\x85\x00\x00\x00\x00hello`, /hello$/);
  assert.match(answer, /^HTTP\/1\.1 101 /);
  assert.ok(answer.endsWith('\r\n\r\n\x81\x05hello'));
}

/** @param {number} port @param {string} target @returns {Promise<string>} the body of the 200. */
export async function get(port, target) {
  const response = await exchange(port, `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  assert.match(response, /^HTTP\/1\.1 200 OK\r\n/, target);
  return response.slice(response.indexOf('\r\n\r\n') + 4);
}

/**
 * Sends bytes and reads until the answer matches `enough`, or to the end.
 *
 * @param {number} port @param {string} bytes @param {RegExp} [enough]
 * @returns {Promise<string>} latin1.
 */
async function exchange(port, bytes, enough) {
  const socket = connect({ host: 'localhost', port, timeout: 10_000 });
  socket.on('timeout', () => socket.destroy(new Error('no answer within 10 s')));
  socket.write(bytes, 'latin1');
  let answer = '';
  for await (const chunk of socket) {
    answer += chunk.toString('latin1');
    if (enough?.test(answer)) break; // leaving the loop destroys the socket
  }
  return answer;
}

/** A port that was free a moment ago: the samples name theirs, so that it has to be known before. */
export async function freePort() {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}
