import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { get } from 'node:https';
import { connect } from 'node:net';
import path from 'node:path';
import { runCommand } from './run-command.mjs';
import { echoBody, echoLine, echoMessage, freePort, WEBSOCKET_HEADERS } from './run-samples.mjs';
import { Transcript } from './running-example.mjs';

/**
 * What a scenario is given.
 *
 * @typedef {object} Stage
 * @property {(name: string, ...args: string[]) => Promise<RunningExample>} start - starts an example, by default on
 *   port 0, and waits for its URL. It is stopped by SIGTERM when the scenario has ended.
 * @property {(name: string, ...args: string[]) => RunningExample} launch - the same, without waiting for a URL.
 * @property {'native' | 'portable'} backend
 * @property {string} folder - where the examples are, and are started.
 *
 * @typedef {import('./running-example.mjs').RunningExample} RunningExample
 */

/** Less than the 25 s after which a long poll responds by itself. */
const RESPONSE_MS = 15_000;

/**
 * What each program of apps/examples has to show, by its name without `.ts`.
 *
 * @type {Readonly<Record<string, (stage: Stage) => Promise<void>>>}
 */
export const SCENARIOS = {
  async hello({ start }) {
    const { url } = await start('hello');
    assert.match(await body(`${url}/`), /Hello, world/);
    assert.equal(await body(`${url}/hello/you`), '{"hello":"you"}');
  },

  async 'echo-stream'({ start }) {
    await echoLine((await start('echo-stream')).port);
  },

  async 'echo-http'({ start }) {
    const { port, url } = await start('echo-http');
    await echoBody(port);
    assert.equal((await fetch(url)).status, 405);
  },

  async 'echo-websocket'({ start }) {
    const program = await start('echo-websocket');
    await program.prints(/received: Hello, echo\n/);
    await echoMessage(program.port);
  },

  async chat({ start }) {
    const { port, url } = await start('chat');
    assert.match(await body(`${url}/`), /new WebSocket/);
    const [one, other] = [await joinRoom(port), await joinRoom(port)];
    one.say('hello');
    for (const member of [one, other]) await member.heard.match(/hello$/);
    for (const member of [one, other]) member.leave();
  },

  async 'long-poll'({ start }) {
    const { url } = await start('long-poll');
    const responses = await Promise.all([
      body(`${url}?after=0`),
      body(`${url}?after=0`),
      body(url, { method: 'POST', body: 'hello' }),
    ]);
    const messages = '{"messages":["hello"],"count":1}';
    assert.deepEqual(responses, [messages, messages, '{"count":1}']);
    await body(url, { method: 'POST', body: 'you' });
    assert.equal(await body(`${url}?after=1`), '{"messages":["you"],"count":2}');
    assert.equal((await fetch(`${url}?after=x`)).status, 400);
  },

  async 'static-files'({ start, folder }) {
    const { url } = await start('static-files');
    const file = readFileSync(path.join(folder, 'static-files.ts'), 'utf8');
    assert.equal(await body(`${url}/static-files.ts`), file);
    const range = await fetch(`${url}/static-files.ts`, { headers: { Range: 'bytes=0-9' } });
    assert.deepEqual([range.status, await range.text()], [206, file.slice(0, 10)]);
    assert.equal((await fetch(`${url}/no-such-file`)).status, 404);
  },

  async 'tcp-proxy'({ start }) {
    const target = await start('echo-stream');
    await echoLine((await start('tcp-proxy', '0', '127.0.0.1', String(target.port))).port);
  },

  async 'selector-loop'({ start, launch, backend }) {
    if (backend === 'portable') await launch('selector-loop').fails(/needs the native backend/);
    else await echoLine((await start('selector-loop')).port);
  },

  async fetch({ start, launch }) {
    const { url } = await start('hello');
    const urls = [`${url}/hello/you`, `${url}/nothing`, `http://127.0.0.1:${await freePort()}/`, 'ftp://a/'];
    const program = launch('fetch', ...urls);
    assert.equal(await program.ended, 0);
    await program.prints(/hello\/you: 200, 15 bytes in /);
    await program.prints(/nothing: status 404, ERR_HTTPCLIENT_STATUS\n/);
    await program.prints(/\/: no connection: .*ECONNREFUSED/);
    await program.prints(/ftp:\/\/a\/: nothing was sent: /);
  },

  async https({ start, folder }) {
    const [command = ''] = /openssl .+/.exec(readFileSync(path.join(folder, 'https.ts'), 'utf8')) ?? [];
    runCommand(command.split(' '), { cwd: folder });
    const program = await start('https');
    await program.prints(/received: 200 https, GET\n/);
    const request = get(program.url, { ca: readFileSync(path.join(folder, 'cert.pem')), agent: false });
    const [response] = await once(request, 'response');
    assert.equal(response.resume().statusCode, 200);
  },

  async processes({ start }) {
    const program = await start('processes', '0', '2');
    const [, one, other] = await program.prints(/process (\d+), .+\nprocess (\d+), .+\n/);
    assert.match(await body(program.url), new RegExp(`^hello from process (${one}|${other})\n$`));
    program.terminate();
    assert.equal(await program.ended, 0);
  },

  async 'graceful-stop'({ start }) {
    const program = await start('graceful-stop');
    const response = await fetch(program.url); // has its headers: the response is under way
    program.terminate();
    assert.equal(await response.text(), 'working ...\ndone\n');
    await program.prints(/stopped: 1 finished, 0 cut\n/);
    assert.equal(await program.ended, 0);
  },
};

/** The body of a response that has to be a 200. @param {string} url @param {RequestInit} [init] */
async function body(url, init) {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(RESPONSE_MS) });
  assert.equal(response.status, 200, url);
  return await response.text();
}

/** Opens a WebSocket of the chat. @param {number} port */
async function joinRoom(port) {
  const socket = connect({ host: '127.0.0.1', port });
  const heard = new Transcript().follow(socket);
  socket.write(`GET /room HTTP/1.1\r\nHost: a\r\n${WEBSOCKET_HEADERS}\r\n`);
  await heard.match(/^HTTP\/1\.1 101 .*\r\n\r\n/s);
  return {
    heard,
    // A masked text frame of less than 126 bytes (RFC 6455 §5.2), whose key is zero.
    say: (/** @type {string} */ text) => {
      socket.write(`\x81${String.fromCharCode(0x80 + text.length)}\0\0\0\0${text}`, 'latin1');
    },
    leave: () => socket.destroy(),
  };
}
