import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { during, startProgram } from './child.mjs';
import { compareResponses } from './responses.mjs';
import { clientOf, originFile } from './runtimes.mjs';
import { CLIENT_FLOOR } from './tables/client.mjs';

/** How the request of a client differs from that of the floor. @throws BenchError if more than header fields do. */
export async function compareRequests(row, stage) {
  const { title, runtime: _its, ...floor } = { ...row, ...CLIENT_FLOOR };
  const [expected, sent] = [await requestOf({ title, ...floor }, stage), await requestOf(row, stage)];
  return compareResponses(expected, sent, { title: row.title, runtime: 'any' });
}

/** The bytes that a client sends for one request, with a port that is the same for all. */
async function requestOf(row, stage) {
  const response = readFileSync(originFile(row.origin, stage));
  let text = '';
  const server = createServer((socket) => {
    socket.on('error', () => {}); // A client may reset what it no longer needs.
    socket.setEncoding('latin1').on('data', (chunk) => {
      text += chunk;
      if (isComplete(text)) socket.write(response);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  try {
    const client = clientOf({ ...row, settings: { ...row.settings, origins: 0 } }, port);
    await during(await startProgram(client, stage), (child) => child.ask('open 1'));
    return text.replaceAll(`127.0.0.1:${port}`, '127.0.0.1:80');
  } finally {
    server.close();
  }
}

function isComplete(text) {
  const end = text.indexOf('\r\n\r\n');
  if (/^transfer-encoding: chunked\r$/im.test(text)) return text.endsWith('0\r\n\r\n');
  return end !== -1 && text.length === end + 4 + Number(/^content-length: (\d+)\r$/im.exec(text)?.[1] ?? 0);
}
