import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const [RUN, HERE] = ['../run.mjs', '../../..'].map((path) => fileURLToPath(new URL(path, import.meta.url)));

describe('bench', () => {
  // Each needs Linux and a C compiler, and some of them wrk: without these they must say so.
  it.each([
    ['hello --rounds 1 --seconds 1 --warmup 0 --idle 0 --rows floor,node-http', 'x floor'],
    ['loop --rounds 1 --timers 100 --only timers', 'setTimeout'],
    ['stream --rounds 1 --measure-ms 50 --warmup-ms 20 --file-mib 1 --only send-file', 'CPU us/MiB'],
    [
      'http --rounds 1 --measure-ms 50 --warmup-ms 20 --many 2 --only hello --rows floor,node-http',
      'x floor',
    ],
    [
      'web --rounds 1 --measure-ms 50 --warmup-ms 20 --only cookie,static --rows floor,web,express',
      'fields of its own',
    ],
    [
      'web --rounds 1 --measure-ms 50 --warmup-ms 20 --only page --rows web,web-eta,hono',
      'web, native, page, 50 rows: x hono',
    ],
    ['web --rounds 1 --measure-ms 50 --warmup-ms 20 --only compressed --rows web,fastify', 'B of gzip'],
    [
      'mounting --rounds 1 --measure-ms 50 --warmup-ms 20 --warmups 1 --only text,stream --rows floor,hono-node-plain,srvx,node-http',
      'also HTTP/1.1 200 ',
    ],
    [
      'client --rounds 1 --measure-ms 50 --warmup-ms 20 --warmups 1 --origins 20 --only bodies,origins --rows floor,httpclient,http-agent',
      'also connection: keep-alive',
    ],
    [
      'websocket --rounds 1 --measure-ms 50 --warmup-ms 20 --warmups 1 --connections 2 --many 3 --only broadcast,close --rows floor,websocket',
      'WebSocketHandler, native, broadcast, 1 to 3, 20 B: x floor',
    ],
    [
      'tls --rounds 1 --measure-ms 50 --warmup-ms 20 --warmups 1 --connections 2 --handshakes 2 --sockets 2 --only hello,handshakes,websocket --rows floor,tls,tls-node,node-https',
      'IOLoop.tls: node',
    ],
    [
      'topics --rounds 1 --measure-ms 50 --warmup-ms 20 --warmups 1 --connections 2 --many 3 --clients 3 --behind 20 --only delivery,resume --rows floor,topics,socket.io,stream-each,stream',
      'TopicHandler, memory, resume, 3 clients, 20 records behind: x cheaper than socket.io',
    ],
    // Without Redis, rows that use it are not measured.
    [
      'topics --rounds 1 --measure-ms 50 --warmup-ms 20 --warmups 1 --connections 1 --many 4 --rate 100 --readers 4 --only across,across-rate --rows processes,redis',
      'TopicHandler, processes, across-rate, 100 publishes a second to 4 subscribers: p99 ms',
    ],
    [
      'topics --rounds 1 --warmups 1 --clients 4 --behind 20 --only across-resume --rows floor,processes,redis,socket.io',
      '4 clients of 3 processes, 20 records behind',
    ],
    ['writers --writers 1 --seconds 1', 'max ms'],
    [
      'against HERE --rounds 2 --measure-ms 50 --warmup-ms 20 --only readBytes|+|write,|native,|64|B',
      'here over there',
    ],
    ['profile node-http --seconds 1 --warmup 0 --scene 16|at|once', 'us/request'],
  ])('%s', { timeout: 120_000 }, (line, text) => {
    const args = line.split(' ').map((word) => word.replaceAll('|', ' ').replace('HERE', HERE ?? ''));
    const { LANDSPOUT_BACKEND: _ours, ...env } = process.env;
    const { stdout, stderr } = spawnSync(process.execPath, [RUN ?? '', ...args, '--no-build'], {
      env,
      encoding: 'utf8',
    });
    if (!/^bench: (not found|the benchmark needs)/m.test(stderr)) expect(stdout + stderr).toContain(text);
  });
});
