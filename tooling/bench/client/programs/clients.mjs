// Each HTTP client of Node, and the fetch of Bun. The harness writes to stdin what to do: `run <ms>` keeps requests in
// flight for that long, or if the scene has origins, requests the next ones once each; `open <count>` sends so many
// requests at once. Every response must have the status 200 and the whole body; a line says how many came.
import { createInterface } from 'node:readline';
import { print, ready, settings } from '../../program.mjs';

const { client, port, inFlight, idle, origins, downBytes, upBytes, isJson } = settings;
const TYPE = { 'Content-Type': 'application/octet-stream' }; // The defaults differ.
const UPLOAD = { method: 'POST', headers: TYPE, body: Buffer.alloc(upBytes, 'x') };
const SENT = upBytes > 0 ? UPLOAD : { method: 'GET' };
/** Connections of pools that are limited: one for each request at once. For many origins, the defaults. */
const MOST = origins > 0 ? undefined : Math.max(inFlight, idle);
/** Idle connections are measured for longer than most defaults keep them. */
const KEPT_MS = idle > 0 ? 75_000 : undefined;
const HERE = `http://127.0.0.1:${port}/`;

function check(status, length) {
  if (status === 200 && length === downBytes) return;
  console.error(`a response with status ${status} and ${length} bytes, not 200 and ${downBytes}`);
  process.exit(1);
}

async function landspout() {
  const { AsyncHTTPClient } = await import('@landspout/httpclient');
  const limits = { maxConnections: MOST, maxConnectionsPerOrigin: MOST, idleTimeoutMs: KEPT_MS };
  return new AsyncHTTPClient({ ...limits, defaults: { userAgent: '' } });
}

async function undici() {
  const { Agent, fetch, Pool, request, setGlobalDispatcher } = await import('undici');
  const kept = { keepAliveTimeout: KEPT_MS, keepAliveMaxTimeout: KEPT_MS };
  setGlobalDispatcher(new Agent(kept));
  return { fetch, request, poolOf: (url) => new Pool(url, { ...kept, connections: MOST }) };
}

/** Requests through a function that is like `fetch`. */
const through = (fetch) => async (url) => {
  const response = await fetch(url, SENT);
  const { status } = response;
  if (isJson) check(status, '{"text":""}'.length + (await response.json()).text.length);
  else check(status, (await response.arrayBuffer()).byteLength);
};

/** How each client sends one request, and reads all of its response. */
const CLIENTS = {
  async httpclient() {
    const ours = await landspout();
    return async (url) => {
      const { status, body } = await ours.fetch(url, SENT);
      check(status, body.length);
    };
  },
  async 'to-fetch'() {
    const ours = await landspout();
    if (typeof ours.toFetch === 'function') return through(ours.toFetch());
    console.error('this checkout has no client.toFetch');
    return process.exit(1);
  },
  async 'undici-pool'() {
    const { poolOf } = await undici();
    const exchange = async (pool) => {
      const { statusCode, body } = await pool.request({ path: '/', ...SENT });
      check(statusCode, (await body.bytes()).length);
    };
    const shared = poolOf(HERE);
    return async (url) => {
      if (url === HERE) return exchange(shared);
      const pool = poolOf(url);
      await exchange(pool);
      await pool.close();
    };
  },
  async 'undici-request'() {
    const { request } = await undici();
    return async (url) => {
      const { statusCode, body } = await request(url, SENT);
      check(statusCode, (await body.bytes()).length);
    };
  },
  async 'undici-fetch'() {
    return through((await undici()).fetch);
  },
  'bun-fetch': () => through(fetch),
  async 'http-agent'() {
    const { Agent, request } = await import('node:http');
    const options = {
      agent: new Agent({ keepAlive: true, maxFreeSockets: MOST }),
      method: SENT.method,
      headers: upBytes > 0 ? { ...TYPE, 'Content-Length': upBytes } : {},
    };
    const exchange = (url, resolve, reject) => {
      const outgoing = request(url, options, (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk)).on('error', reject);
        response.on('end', () => resolve(check(response.statusCode, Buffer.concat(chunks).length)));
      });
      outgoing.on('error', reject).end(SENT.body);
    };
    return (url) => new Promise((resolve, reject) => exchange(url, resolve, reject));
  },
};

/** Every address from 127.0.0.2 on is an origin of its own. */
let host = 1;
function nextOrigin() {
  host += 1;
  return `http://127.${host >> 16}.${(host >> 8) & 255}.${host & 255}:${port}/`;
}

/** Keeps requests in flight while there is a next URL, and returns how many there were. */
async function keepInFlight(nextUrl) {
  let count = 0;
  const workers = Array.from({ length: inFlight }, async () => {
    for (let url = nextUrl(); url !== undefined; url = nextUrl()) {
      await request(url);
      count += 1;
    }
  });
  await Promise.all(workers);
  return count;
}

const COMMANDS = {
  run(ms) {
    const last = host + origins;
    if (origins > 0) return keepInFlight(() => (host < last ? nextOrigin() : undefined));
    let url = HERE;
    setTimeout(() => {
      url = undefined;
    }, ms);
    return keepInFlight(() => url);
  },
  async open(count) {
    await Promise.all(Array.from({ length: count }, () => request(HERE)));
    return count;
  },
};

async function backendOf() {
  if (globalThis.Bun !== undefined) return 'bun';
  if (client !== 'httpclient' && client !== 'to-fetch') return 'node';
  return (await import('@landspout/ioloop')).IOLoop.current().backend;
}

globalThis.gc ??= globalThis.Bun && (() => Bun.gc(true));
const request = await CLIENTS[client]();
ready({ backend: await backendOf() });
for await (const line of createInterface({ input: process.stdin })) {
  const [command, number] = line.split(' ');
  const begun = performance.now();
  const count = await COMMANDS[command](Number(number));
  print({ count, wallNs: (performance.now() - begun) * 1e6 });
}
