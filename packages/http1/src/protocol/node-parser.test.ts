import { Buffer } from 'node:buffer';
import { createServer } from 'node:http';
import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { DATA, END, HEAD, NEED_DATA } from './events.ts';
import { HTTPHeaders } from './http-headers.ts';
import { RequestDecoder } from './request-decoder.ts';
import { RequestEncoder } from './request-encoder.ts';

interface Seen {
  method: string;
  target: string;
  fields: [string, string][];
  body: string;
}

/** Reads the wire with Node's own parser, through its server but without a network. */
async function readByNode(wire: Buffer, count: number): Promise<Seen[]> {
  const seen: Seen[] = [];
  const server = createServer();
  const socket = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() });
  const all = new Promise<void>((resolve, reject) => {
    server.on('clientError', reject);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const raw = request.rawHeaders;
        const fields = raw.flatMap((name, at): [string, string][] =>
          at % 2 === 0 ? [[name, raw[at + 1] ?? '']] : [],
        );
        seen.push({
          method: request.method ?? '',
          target: request.url ?? '',
          fields,
          body: Buffer.concat(chunks).toString('latin1'),
        });
        response.end();
        if (seen.length === count) resolve();
      });
    });
  });
  server.emit('connection', socket);
  socket.push(wire);
  await all;
  socket.destroy();
  return seen;
}

function readByUs(wire: Buffer): Seen[] {
  const seen: Seen[] = [];
  const decoder = new RequestDecoder();
  decoder.receive(wire, 0, wire.length);
  let body = '';
  for (let event = decoder.next(); event !== NEED_DATA; event = decoder.next()) {
    if (event === HEAD) body = '';
    if (event === DATA) body += decoder.data.toString('latin1', decoder.dataStart, decoder.dataEnd);
    if (event !== END) continue;
    const { method, target, headers } = decoder.head;
    seen.push({ method, target, fields: headers.getAll(), body });
  }
  return seen;
}

/** Three requests of our encoder, different for each seed. */
function compose(seed: number): Buffer {
  const encoder = new RequestEncoder();
  let wire = '';
  for (const method of ['GET', 'POST', 'DELETE']) {
    const headers = new HTTPHeaders().set('Host', `h${seed}.example:80`);
    for (let at = 0; at < seed % 7; at += 1) headers.add(`X-${at}`, `${'v'.repeat(seed % 11)}\t\xe4 ${at}`);
    const pieces = method === 'GET' ? [] : ['a'.repeat(seed), '', 'bc\r\n0\r\n'];
    const length = pieces.join('').length;
    wire += encoder.head(
      method,
      `/p/${seed}?q=%20|${method}`,
      headers,
      seed % 2 === 0 ? length : pieces.length && -1,
    );
    for (const piece of pieces) wire += encoder.dataPrefix(piece.length) + piece + encoder.dataSuffix;
    wire += encoder.end();
  }
  return Buffer.from(wire, 'latin1');
}

describe("Node's own parser", () => {
  it('reads what RequestEncoder wrote as RequestDecoder does', async () => {
    for (let seed = 0; seed < 40; seed += 1) {
      const wire = compose(seed);
      const ours = readByUs(wire);
      expect(ours).toHaveLength(3);
      expect(await readByNode(wire, 3), `seed ${seed}`).toEqual(ours);
    }
  });
});
