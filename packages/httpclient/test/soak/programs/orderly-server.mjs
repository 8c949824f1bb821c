// A server of node:http that responds correctly, until it is killed.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { gzipSync } from 'node:zlib';
import { begun, bodyOf, identity, obey, parseTarget, pause, random } from './serving.mjs';

const PIECES = 8;
/** Some of them end idle connections while the client wants to use them. */
const KEEP_ALIVE_MS = [5, 30, 100, 1_000, 5_000];

function receive(request, response) {
  const job = parseTarget(request.method, request.url);
  begun(job);
  response.on('error', () => {});
  request.on('error', () => {});
  response.setHeader('X-Id', job.seq);
  respond(job, request, response).catch(() => response.destroy());
}

const server = identity === undefined ? createServer(receive) : createSecureServer(identity, receive);
server.keepAliveTimeout = KEEP_ALIVE_MS[random(KEEP_ALIVE_MS.length)];
obey(server);

async function respond(job, request, response) {
  const { kind, seq, size, status, to, ms } = job;
  const body = bodyOf(seq, size);
  switch (kind) {
    case 'redirect':
      response.writeHead(status, { Location: to }).end();
      return;
    case 'early':
      // Before the body of the request has arrived.
      response.writeHead(413).end(body);
      return;
    case 'gzip': {
      const encoded = gzipSync(body);
      response.setHeader('Content-Encoding', 'gzip');
      response.setHeader('X-Checksum', checksumOf(body));
      await inPieces(response, encoded, () => pause(random(3)));
      return;
    }
    case 'chunked':
      await inPieces(response, body, () => new Promise((resolve) => setImmediate(resolve)));
      return;
    case 'slow':
      await pause(ms);
      break;
    case 'take':
      if (!(await received(request)).equals(body)) {
        response.writeHead(400).end('the body is not the one that was sent');
        return;
      }
      break;
    default:
  }
  response.writeHead(status, { 'Content-Length': body.length, 'X-Checksum': checksumOf(body) });
  response.end(body);
}

async function inPieces(response, body, between) {
  const step = Math.ceil(body.length / PIECES) || 1;
  for (let at = 0; at < body.length; at += step) {
    response.write(body.subarray(at, at + step));
    await between();
  }
  response.end();
}

async function received(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function checksumOf(body) {
  return createHash('sha1').update(body).digest('hex');
}
