import assert from 'node:assert/strict';
import { request } from 'node:http';
import { get as getSecurely } from 'node:https';
import { echoMessage, get } from './run-samples.mjs';

/**
 * What is said to the servers of the pages in docs/, so that they show what the text beside them promises.
 *
 * @type {ReadonlyMap<string, (port: number) => Promise<void>>}
 */
export const PAGE_TALKS = new Map([
  ['docs/coming-from-fastify-or-express.md 1', async (port) => assert.equal(await get(port, '/users/7'), '{"id":"7"}')],
  ['docs/run-hono.md 1', callHono],
  ['docs/run-hono.md 2', echoOnlyOwnPages],
  ['docs/run-hono.md 3', callBoth],
  ['docs/run-hono.md 4', callMounted],
  ['docs/run-hono.md 5', async (port) => assert.match(await get(port, '/public/index.html'), /<title>hello/)],
  ['docs/run-hono.md 6', readTicks],
  ['docs/run-hono.md 7', async (port) => assert.match(await get(port, '/'), /^process \d+$/)],
]);

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

/** Reads the start of an event stream over HTTPS. @param {number} port @returns {Promise<void>} */
function readTicks(port) {
  return new Promise((resolve, reject) => {
    const options = { port, path: '/ticks', rejectUnauthorized: false, agent: false };
    const asked = getSecurely(options, (response) => {
      response.once('data', (bytes) => {
        asked.destroy();
        assert.equal(String(bytes), 'data: 1\n\n');
        resolve();
      });
    });
    asked.on('error', reject);
  });
}

/** @param {number} port @param {string} path @param {string} body @returns {Promise<string>} the body of the 200. */
async function post(port, path, body) {
  const headers = { 'Content-Type': 'application/json', Connection: 'close' };
  const response = await fetch(`http://localhost:${port}${path}`, { method: 'POST', headers, body });
  assert.equal(response.status, 200, path);
  return await response.text();
}
