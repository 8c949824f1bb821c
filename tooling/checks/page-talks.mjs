import assert from 'node:assert/strict';
import { request } from 'node:http';
import { echoMessage, get } from './run-samples.mjs';
import { readSecurely } from './secure-client.mjs';
import { TLS_TALKS } from './tls-talks.mjs';

/**
 * What is said to the servers of the pages in docs/, so that they show what the text beside them promises.
 *
 * @type {ReadonlyMap<string, import('./run-samples.mjs').Talk>}
 */
export const PAGE_TALKS = new Map([
  ...TLS_TALKS,
  [
    'docs/coming-from-fastify-or-express.md 1',
    async (port) => assert.equal(await get(port, '/users/7'), '{"id":"7"}'),
  ],
  [
    'docs/diagnostics.md 1',
    async (port) => assert.match(await get(port, '/'), /^hello from request [0-9a-f-]{36}\n$/),
  ],
  ['docs/diagnostics.md 2', countByRoute],
  ['docs/diagnostics.md 4', (port) => echoMessage(port)],
  ['docs/logging.md 1', async (port) => assert.equal(await get(port, '/'), 'hello\n')],
  ['docs/run-express.md 1', callExpress],
  ['docs/run-express.md 2', callLegacy],
  ['docs/run-express.md 3', (port) => echoMessage(port, '/any')],
  ['docs/run-express.md 4', countVisits],
  ['docs/run-express.md 5', callMounted],
  [
    'docs/run-express.md 6',
    async (port, { folder }) => assert.match(await readSecurely(port, folder), /^process \d+, https$/),
  ],
  ['docs/run-h3.md 1', callH3],
  ['docs/run-h3.md 2', (port) => echoMessage(port)],
  ['docs/run-h3.md 3', callNested],
  ['docs/run-hono.md 1', callHono],
  ['docs/run-hono.md 2', echoOnlyOwnPages],
  ['docs/run-hono.md 3', callBoth],
  ['docs/run-hono.md 4', callMounted],
  ['docs/run-hono.md 5', async (port) => assert.match(await get(port, '/public/index.html'), /<title>hello/)],
  [
    'docs/run-hono.md 6',
    async (port, { folder }) =>
      assert.equal(await readSecurely(port, folder, { path: '/ticks' }), 'data: 1\n\n'),
  ],
  ['docs/run-hono.md 7', async (port) => assert.match(await get(port, '/'), /^process \d+$/)],
  ['docs/run-mcp.md 1', async (port) => assert.equal(await callTool(port, 'add', { a: 1, b: 2 }), '3')],
  ['docs/run-mcp.md 2', countInSession],
  ['docs/run-mcp.md 3', async (port) => assert.equal(await callTool(port, 'add', { a: 1, b: 2 }), '3')],
  ['docs/metrics.md 1', (port) => countRequests(port, '/hello/ada', '/hello/:name')],
  ['docs/metrics.md 2', (port) => countRequests(port, '/', '/')],
  ['docs/sign-in.md 1', askToSignIn],
  ['docs/sign-in.md 2', beginSignIns],
  ['docs/topics-on-many-processes.md 1', publishAndRead],
  ['docs/tracing.md 1', traceForecast],
]);

/** The trace of the client arrives at the second server. @param {number} port */
async function traceForecast(port) {
  const trace = '0af7651916cd43dd8448eb211c80319c';
  const headers = { traceparent: `00-${trace}-b7ad6b7169203331-01` };
  const response = await fetch(`http://localhost:${port}/weather/oslo`, { headers });
  assert.deepEqual(await response.json(), { forecast: `rain, said the trace ${trace}` });
}

/** The page counts the requests, whichever process it comes from. @param {number} port @param {string} path @param {string} route */
async function countRequests(port, path, route) {
  const headers = { Connection: 'close' };
  for (let at = 0; at < 5; at += 1)
    await (await fetch(`http://127.0.0.1:${port}${path}`, { headers })).text();
  const page = await (await fetch(`http://127.0.0.1:${port}/metrics`, { headers })).text();
  const line = page.split('\n').find((one) => one.startsWith(`http_server_requests_total{route="${route}"`));
  assert.ok(Number(line?.split(' ').at(-1)) >= 5, line);
}

/** Without the provider, which is elsewhere. @param {number} port */
async function askToSignIn(port) {
  const home = await fetch(`http://localhost:${port}/`, { redirect: 'manual' });
  assert.equal(home.headers.get('Location'), '/sign-in?next=%2F');
}

/** @param {number} port */
async function beginSignIns(port) {
  const hosts = { github: 'github.com', facebook: 'www.facebook.com', x: 'x.com' };
  for (const [name, host] of Object.entries(hosts)) {
    const begun = await fetch(`http://localhost:${port}/sign-in/${name}`, { redirect: 'manual' });
    const location = new URL(begun.headers.get('Location') ?? '');
    assert.equal(location.host, host);
    const { redirect_uri, code_challenge_method } = Object.fromEntries(location.searchParams);
    assert.equal(redirect_uri, `http://localhost:${port}/sign-in/${name}/callback`);
    assert.equal(code_challenge_method, 'S256');
    assert.match(begun.headers.getSetCookie()[0] ?? '', /^landspout-sign-in-/);
  }
}

/** Reads from any of the processes what one of them has published. @param {number} port */
async function publishAndRead(port) {
  const live = `http://localhost:${port}/live?topic=room:1`;
  const headers = { 'Content-Type': 'application/json', Connection: 'close' };
  const response = await fetch(live, { method: 'POST', headers, body: '{"data":"hello"}' });
  assert.equal(response.status, 200);
  const { cursor } = /** @type {{ cursor: string }} */ (await response.json());
  for (let i = 0; i < 4; i += 1) {
    const { records } = JSON.parse(await get(port, '/live?topic=room:1&last=1'));
    assert.deepEqual(records, [{ cursor, data: 'hello' }]);
    assert.equal(typeof JSON.parse(await get(port, '/health')).backplane.topics, 'number');
  }
}

/** @param {number} port */
async function countByRoute(port) {
  for (const id of ['7', '8']) assert.equal(await get(port, `/user/${id}`), `user ${id}`);
  assert.equal((await fetch(`http://localhost:${port}/user/7/x`)).status, 404);
  assert.equal(await get(port, '/counts'), '{"/user/:id 200":2,"none 404":1}');
}

/** @param {number} port */
async function callHono(port) {
  assert.equal(await get(port, '/'), 'Hello from Hono');
  assert.equal(await get(port, '/user/7'), '{"id":"7"}');
  assert.equal(await post(port, '/echo', '{"a":1}'), '{"a":1}');
  assert.equal(await (await fetch(`http://localhost:${port}/stream`)).text(), 'one\ntwo\nthree\n');
}

/** @param {number} port */
async function echoOnlyOwnPages(port) {
  await echoMessage(port);
  const headers = { 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' };
  assert.equal(await upgradeFrom('https://other.example'), 403);
  assert.equal(await upgradeFrom('https://app.example.com'), 101);

  /** @param {string} origin @returns {Promise<number | undefined>} the status. */
  function upgradeFrom(origin) {
    return new Promise((resolve, reject) => {
      const all = { ...headers, Connection: 'Upgrade', Upgrade: 'websocket', Origin: origin };
      const asked = request({ port, path: '/echo', headers: all, agent: false });
      asked.on('error', reject).on('response', (response) => resolve(response.resume().statusCode));
      asked.on('upgrade', ({ statusCode }, socket) => resolve(socket.destroy() && statusCode)).end();
    });
  }
}

/** @param {number} port */
async function callBoth(port) {
  assert.equal(await get(port, '/api/user/7'), '{"id":"7"}');
  assert.match(await get(port, '/static/'), /<title>hello/);
  await echoMessage(port);
}

/** @param {number} port */
async function callMounted(port) {
  assert.match(await get(port, '/'), /^Hello from /);
  assert.match(await get(port, '/live/time'), /^\{"now":\d+\}$/);
  await echoMessage(port, '/live/echo');
}

/** @param {number} port */
async function callExpress(port) {
  assert.equal(await get(port, '/'), 'Hello from Express');
  assert.equal(await post(port, '/echo', '{"a":1}'), '{"a":1}');
  assert.match(await get(port, '/static/'), /<title>hello/);
}

/** @param {number} port */
async function callLegacy(port) {
  assert.equal(await get(port, '/legacy/user/7?a=1'), '{"id":"7","url":"/legacy/user/7?a=1"}');
  await echoMessage(port);
}

/** @param {number} port */
async function countVisits(port) {
  const url = `http://localhost:${port}/visits`;
  const first = await fetch(url);
  assert.equal(await first.text(), '{"visits":1}');
  assert.equal(first.headers.get('X-Content-Type-Options'), 'nosniff');
  const cookie = first.headers
    .getSetCookie()
    .map((one) => one.split(';')[0])
    .join('; ');
  assert.equal(await (await fetch(url, { headers: { Cookie: cookie } })).text(), '{"visits":2}');
}

/** @param {number} port */
async function callH3(port) {
  assert.equal(await get(port, '/'), 'Hello from h3');
  assert.equal(await get(port, '/user/7'), '{"id":"7"}');
  assert.deepEqual(JSON.parse(await post(port, '/echo', '{"a":1}')), { a: 1 });
}

/** @param {number} port */
async function callNested(port) {
  assert.equal(await get(port, '/api/user/7'), '{"id":"7"}');
  assert.match(await get(port, '/api/live/time'), /^\{"now":\d+\}$/);
  await echoMessage(port);
  await echoMessage(port, '/api/live/echo');
}

/** @param {number} port */
async function countInSession(port) {
  const clientInfo = { name: 'test', version: '1.0.0' };
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo };
  const { headers } = await sendMessage(port, 'initialize', params);
  const session = { 'Mcp-Session-Id': String(headers.get('Mcp-Session-Id')) };
  assert.equal(await callTool(port, 'count', { by: 2 }, session), '2');
  assert.equal(await callTool(port, 'count', { by: 3 }, session), '5');
}

/**
 * Calls a tool of an MCP server.
 *
 * @param {number} port @param {string} name @param {object} args @param {Record<string, string>} [headers]
 * @returns {Promise<string>} the text of the result.
 */
async function callTool(port, name, args, headers = {}) {
  const response = await sendMessage(port, 'tools/call', { name, arguments: args }, headers);
  const [, data = ''] = /^data: (.+)$/m.exec(await response.text()) ?? [];
  return JSON.parse(data).result.content[0].text;
}

/** @param {number} port @param {string} method @param {object} params @param {Record<string, string>} [headers] */
async function sendMessage(port, method, params, headers = {}) {
  const accepted = { Accept: 'application/json, text/event-stream', 'Content-Type': 'application/json' };
  const response = await fetch(`http://127.0.0.1:${port}/mcp`, {
    method: 'POST',
    headers: { ...accepted, ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  assert.equal(response.status, 200, method);
  return response;
}

/** @param {number} port @param {string} path @param {string} body @returns {Promise<string>} the body of the 200. */
async function post(port, path, body) {
  const headers = { 'Content-Type': 'application/json', Connection: 'close' };
  const response = await fetch(`http://localhost:${port}${path}`, { method: 'POST', headers, body });
  assert.equal(response.status, 200, path);
  return await response.text();
}
