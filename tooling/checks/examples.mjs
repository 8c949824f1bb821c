import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
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

  async health({ start, folder }) {
    const program = await start('health');
    const { url } = program;
    const file = path.join(folder, 'maintenance');
    const readiness = async () => {
      const response = await fetch(`${url}/readyz`);
      return `${response.status} ${await response.text()}`;
    };
    assert.equal(await readiness(), '200 {"status":"ok"}');
    writeFileSync(file, '');
    assert.equal(await readiness(), '503 {"status":"failing","failed":["maintenance"]}');
    await program.logs(/a health check fails/);
    assert.equal(await body(`${url}/livez`), '{"status":"ok"}');
    assert.match(await body(url), /^Hello from process \d+\n$/);
    rmSync(file);
    assert.equal(await readiness(), '200 {"status":"ok"}');
    await program.logs(/the health check passes again/);
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
    const { headers, token } = await formOf(url);
    const post = (/** @type {string} */ text) =>
      body(`${url}/messages`, { method: 'POST', headers, body: new URLSearchParams({ text, _xsrf: token }) });
    const responses = await Promise.all([
      body(`${url}/messages?after=0`),
      body(`${url}/messages?after=0`),
      post('hello'),
    ]);
    const messages = '{"messages":["hello"],"count":1}';
    assert.deepEqual(responses, [messages, messages, '{"count":1}']);
    await post('you');
    assert.equal(await body(`${url}/messages?after=1`), '{"messages":["you"],"count":2}');
    assert.equal(await body(`${url}/messages?after=9`), '{"messages":["hello","you"],"count":2}');
  },

  async 'topic-chat'({ start }) {
    const { url } = await start('topic-chat');
    const { headers, token } = await formOf(url);
    const live = `${url}/live?topic=room`;
    const post = {
      method: 'POST',
      headers: { ...headers, 'Content-Type': 'application/json', 'X-XSRFToken': token },
      body: '{"data":"hello"}',
    };
    const { cursor } = JSON.parse(await body(live, post));
    assert.equal(
      await body(`${live}&last=1`),
      `{"records":[{"cursor":"${cursor}","data":"hello"}],"cursor":"${cursor}"}`,
    );
    assert.equal((await fetch(`${url}/live?topic=other`)).status, 404);
  },

  async 'chat-processes'({ start }) {
    const program = await start('chat-processes', '0', '2');
    await program.prints(/(process \d+ is listening.*){2}/s);
    const { url } = program;
    const { headers, token } = await formOf(url);
    const live = `${url}/live?topic=room`;
    const change = { method: 'POST', headers: { ...headers, 'X-XSRFToken': token } };
    const json = { ...change.headers, 'Content-Type': 'application/json' };
    const { cursor } = JSON.parse(await body(live, { ...change, headers: json, body: '{"data":"hello"}' }));
    // From any of the processes.
    for (let i = 0; i < 4; i += 1) {
      assert.equal(
        await body(`${live}&last=1`, { headers: { Connection: 'close' } }),
        `{"records":[{"cursor":"${cursor}","data":"hello"}],"cursor":"${cursor}"}`,
      );
    }
    const { id } = JSON.parse(await body(`${url}/count`, change));
    const run = `${url}/live?run=${id}`;
    const first = JSON.parse(await body(run));
    const { records } =
      first.records.length > 0 ? first : JSON.parse(await body(`${run}&after=${first.cursor}`));
    assert.match(records[0].data, /^1 \(process \d+\)$/);
    program.terminate();
    assert.equal(await program.ended, 0);
  },

  async 'ai-stream'({ start }) {
    const { url } = await start('ai-stream');
    const { headers, token } = await formOf(url);
    const change = { headers: { ...headers, 'X-XSRFToken': token } };
    const post = { ...change, method: 'POST', body: '{"question":"Why?"}' };
    const { id } = JSON.parse(await body(`${url}/answers`, post));
    const answer = `${url}/answers/${id}`;
    assert.equal(await body(answer, { ...change, method: 'DELETE' }), '{"how":"running"}');
    assert.match(await body(answer, { headers }), /event: end\nid: .+\ndata: {"how":"cancelled"}\n\n$/);
  },

  async 'ai-chat'({ start }) {
    const { url } = await start('ai-chat');
    const headers = { Cookie: cookiesOf(await fetch(url)), 'Content-Type': 'application/json' };
    const messages = [{ role: 'user', parts: [{ type: 'text', text: 'Why?' }] }];
    const post = { method: 'POST', headers, body: JSON.stringify({ id: 'a', messages }) };
    const response = await fetch(`${url}/api/chat`, post);
    assert.equal(response.headers.get('x-vercel-ai-ui-message-stream'), 'v1');
    assert.equal(await body(`${url}/api/chat/a`, { method: 'DELETE', headers }), '{"how":"running"}');
    await response.text();
    assert.match(await body(`${url}/api/chat/a/stream`, { headers }), /^id: .+\nretry: \d+\n\n/);
    assert.equal((await fetch(`${url}/api/chat/b/stream`, { headers })).status, 204);
  },

  async blog({ start }) {
    const { url } = await start('blog');
    assert.match(await body(url), /There are no entries yet/);
    const asked = await fetch(`${url}/compose`, { redirect: 'manual' });
    assert.equal(asked.headers.get('Location'), '/login?next=%2Fcompose');
    const { headers, token } = await formOf(`${url}/login`);
    const post = async (/** @type {string} */ path, /** @type {Record<string, string>} */ fields) => {
      const form = new URLSearchParams({ ...fields, _xsrf: token });
      return await fetch(url + path, { method: 'POST', headers, body: form, redirect: 'manual' });
    };
    const entered = await post('/login', { name: 'Ada', password: 'secret', next: '/compose' });
    assert.deepEqual([entered.status, entered.headers.get('Location')], [302, '/compose']);
    headers.Cookie += `; ${cookiesOf(entered)}`;
    const published = await post('/compose', { title: 'A <b> & "c"', text: '<script>' });
    assert.equal(published.headers.get('Location'), '/entry/a-b-c');
    assert.match(
      await body(`${url}/entry/a-b-c`),
      /<h1>A &lt;b&gt; &amp; &quot;c&quot;<\/h1><article>&lt;script&gt;/,
    );
    assert.match(await body(`${url}/feed`), /<title>A &lt;b&gt;/);
  },

  async 'sign-in'({ start }) {
    const { url } = await start('sign-in');
    const asked = await fetch(url, { redirect: 'manual' });
    assert.equal(asked.headers.get('Location'), '/sign-in?next=%2F');
    assert.match(await body(`${url}/sign-in`), /Sign in with GitHub/);
    const begun = await fetch(`${url}/sign-in/github`, { redirect: 'manual' });
    const location = new URL(begun.headers.get('Location') ?? '');
    assert.equal(location.host, 'github.com');
    assert.equal(location.searchParams.get('redirect_uri'), `${url}/sign-in/github/callback`);
  },

  async 'file-receiver'({ start }) {
    const program = await start('file-receiver');
    const [, folder = ''] = await program.prints(/saving in (\S+)\n/);
    const form = new FormData();
    form.append('file', new File(['hello'], 'a.txt', { type: 'text/plain' }));
    const listed = await body(`${program.url}/form`, { method: 'POST', body: form });
    assert.equal(listed, '[{"filename":"a.txt","contentType":"text/plain","bytes":5}]');
    const bytes = Buffer.alloc(3_000_000, 'large');
    const response = await fetch(`${program.url}/files/b.bin`, { method: 'PUT', body: bytes });
    const { name, savedAs } = /** @type {any} */ (await response.json());
    assert.deepEqual([response.status, name, path.dirname(savedAs)], [201, 'b.bin', folder]);
    assert.ok(readFileSync(savedAs).equals(bytes));
    rmSync(folder, { recursive: true });
  },

  async 'file-sender'({ start, launch, folder }) {
    const receiver = await start('file-receiver');
    const [, saved = ''] = await receiver.prints(/saving in (\S+)\n/);
    const bytes = statSync(path.join(folder, 'hello.ts')).size;
    const byPut = launch('file-sender', receiver.url, 'hello.ts', 'fetch.ts');
    assert.equal(await byPut.ended, 0);
    await byPut.prints(new RegExp(`"name":"hello.ts",.*"bytes":${bytes}}\n.*"name":"fetch.ts"`));
    const byForm = launch('file-sender', '--form', receiver.url, 'hello.ts', 'fetch.ts');
    assert.equal(await byForm.ended, 0);
    await byForm.prints(new RegExp(`"hello.ts","contentType":"application/octet-stream","bytes":${bytes}}`));
    assert.equal(readdirSync(saved).length, 2);
    rmSync(saved, { recursive: true });
  },

  async languages({ start }) {
    const { url } = await start('languages');
    const german = await fetch(url, { headers: { 'Accept-Language': 'de' } });
    assert.match(await german.text(), /1 Besuch, zuletzt jetzt\./);
  },

  async upload({ start }) {
    const program = await start('upload');
    const [, folder = ''] = await program.prints(/saving in (\S+)\n/);
    const { headers, token } = await formOf(program.url);
    const form = new FormData();
    form.append('file', new File(['x'.repeat(3_000_000)], 'a.txt'));
    const post = { method: 'POST', headers: { ...headers, 'X-XSRFToken': token }, body: form };
    assert.equal(await body(`${program.url}/files`, post), '{"saved":[{"name":"a.txt","bytes":3000000}]}');
    assert.equal(readdirSync(folder).length, 1);
    rmSync(folder, { recursive: true });
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

  async 'fetch-content'({ start, launch }) {
    const { url } = await start('hello');
    const program = launch('fetch-content', `${url}/hello/you`);
    assert.equal(await program.ended, 0);
    await program.prints(/^15 bytes\n$/);
  },

  async crawler({ start, launch }) {
    const { url } = await start('hello');
    const program = launch('crawler', url);
    assert.equal(await program.ended, 0);
    await program.prints(/^fetched \S+\/\nfetched \S+\/hello\/you\n2 fetched, 0 failed\n$/);
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

  async options({ start, launch, folder }) {
    const log = path.join(folder, 'greeter.log');
    const argv = ['--port=0', '--greeting=Hi', '--visitors=ada,bob', `--log-file-prefix=${log}`];
    const program = await start('options', ...argv);
    assert.equal(await body(`${program.url}/hello/ada`), 'Hi, ada!\n');
    assert.equal((await fetch(`${program.url}/hello/eve`)).status, 404);
    program.terminate();
    assert.equal(await program.ended, 0);
    const records = readFileSync(log, 'utf8').trimEnd().split('\n');
    assert.match(
      records[0] ?? '',
      /"msg":"started","options":{"port":0,.+"greeting":"Hi","visitors":\["ada","bob"\]/,
    );
    assert.match(records[1] ?? '', /"msg":"200 GET \/hello\/ada/);
    rmSync(log);
    await launch('options', '--prot=0').fails(/unknown option --prot: did you mean --port\?/, 2);
    assert.equal(await launch('options', '--help').ended, 0);
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

/** The token in the form of a page, and the headers that a browser which has that page sends. @param {string} url */
async function formOf(url) {
  const response = await fetch(url);
  const [, token = ''] = /(\d\|[0-9a-f]+\|[0-9a-f]+\|\d+)/.exec(await response.text()) ?? [];
  return { token, headers: { Cookie: cookiesOf(response) } };
}

/** @param {Response} response */
function cookiesOf(response) {
  const lines = response.headers.getSetCookie();
  return lines.map((line) => line.slice(0, line.indexOf(';'))).join('; ');
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
