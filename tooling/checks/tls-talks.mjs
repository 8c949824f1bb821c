import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { readSecurely } from './secure-client.mjs';

/** Where the server with a key log writes it; its environment names the file. */
export const KEY_LOG = 'keys.log';

/**
 * What is said to the servers of docs/tls.md. Its clients are samples too, and run after the talk.
 *
 * @type {readonly [string, import('./run-samples.mjs').Talk][]}
 */
export const TLS_TALKS = [
  [
    'docs/tls.md 1',
    async (port, { folder }) => assert.equal(await readSecurely(port, folder), 'hello over TLSv1.3\n'),
  ],
  ['docs/tls.md 4', chooseNames],
  [
    'docs/tls.md 5',
    async (port, { folder }) => {
      const [cert, key] = ['client.pem', 'client-key.pem'].map((file) =>
        readFileSync(path.join(folder, file)),
      );
      assert.equal(await readSecurely(port, folder, { cert, key }), 'you are alice\n');
    },
  ],
  ['docs/tls.md 7', reload],
  [
    'docs/tls.md 8',
    async (port, { folder }) => assert.match(await readSecurely(port, folder), /^process \d+\n$/),
  ],
  ['docs/tls.md 9', nameClient],
  ['docs/tls.md 10', refuseWithoutTls],
  ['docs/tls.md 12', logKeys],
];

/** @type {import('./run-samples.mjs').Talk} */
async function chooseNames(port, { folder }) {
  const expected = [
    ['example.com', 'example.pem'],
    ['www.example.com', 'example.pem'],
    ['a.apps.example', 'apps.pem'],
  ];
  for (const [servername = '', file = ''] of expected) {
    const ca = readFileSync(path.join(folder, file));
    assert.equal(await readSecurely(port, folder, { servername, ca }), `${servername}\n`);
  }
}

/** @type {import('./run-samples.mjs').Talk} */
async function reload(port, { folder, pid }) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  assert.equal(await readSecurely(port, folder), 'hello\n');
  process.kill(pid, 'SIGHUP'); // a program without a listener would end
  assert.equal(await readSecurely(port, folder, { agent }), 'hello\n');
  agent.destroy();
}

/** @type {import('./run-samples.mjs').Talk} */
async function nameClient(port, { folder }) {
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write('PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\n');
  const ca = readFileSync(path.join(folder, 'cert.pem'));
  const secure = tls.connect({ socket, ca, servername: 'localhost' });
  secure.end('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  let response = '';
  for await (const bytes of secure) response += bytes;
  assert.match(response, /\r\n\r\n192\.0\.2\.1\n$/);
}

/** @type {import('./run-samples.mjs').Talk} */
async function refuseWithoutTls(port) {
  const socket = net.connect(port, 'localhost');
  socket.end('hello\n');
  for await (const bytes of socket) assert.fail(`${bytes} was not expected`);
}

/** @type {import('./run-samples.mjs').Talk} */
async function logKeys(port, { folder }) {
  assert.equal(await readSecurely(port, folder), 'hello\n');
  assert.match(
    readFileSync(path.join(folder, KEY_LOG), 'utf8'),
    /^SERVER_TRAFFIC_SECRET_0 [0-9a-f]+ [0-9a-f]+$/m,
  );
}
