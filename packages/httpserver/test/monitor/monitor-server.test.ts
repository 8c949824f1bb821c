import { HTTPHeaders, type HTTPServerConnectionDelegate } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import { type AccessRecord, type HTTPServerStats, type ServerRequest, sumStats } from '../../src/index.ts';
import { randomOf } from '../fixtures/random.ts';
import { converse, RawClient, statusLines } from '../fixtures/raw-client.ts';
import { waitUntil, withServer } from '../fixtures/running-server.ts';

const HEADERS = new HTTPHeaders();
const get = (target: string, more = '') => `GET ${target} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
const LAST = 'Connection: close\r\n';

const ended = ({ requests }: HTTPServerStats) =>
  requests.completed + requests.refused + requests.detached + requests.cut;

describe('HTTPServer.stats', () => {
  it('counts what was asked and how it was answered, and is plain', () =>
    withServer(
      (request) => request.respond(Number(request.target.slice(1)), 'x'),
      async ({ port, server }) => {
        await converse(port, `${get('/200')}${get('/201')}${get('/302')}${get('/404')}${get('/503', LAST)}`);
        await converse(port, 'POST /200 HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n');
        await converse(port, 'broken\r\n\r\n');
        await waitUntil(() => server.stats().open === 0);
        const stats = server.stats();
        expect(stats).toMatchObject({
          opened: 3,
          open: 0,
          requests: { begun: 6, underWay: 0, completed: 5, refused: 1, detached: 0, cut: 0 },
          responses: { '1xx': 0, '2xx': 2, '3xx': 1, '4xx': 3, '5xx': 1 },
          refusedHeads: 1,
        });
        expect(stats.bytesSent).toBeGreaterThan(500);
        const plain = JSON.parse(JSON.stringify(stats));
        expect(plain).toEqual(stats);
        expect(sumStats([plain, stats]).responses['4xx']).toBe(6);
      },
      { maxBodyBytes: 10 },
    ));

  it('counts what is under way, at that moment', () => {
    const held: ServerRequest[] = [];
    return withServer(
      (request) => {
        held.push(request);
        return new Promise(() => {});
      },
      async ({ port, server }) => {
        const clients = await Promise.all([1, 2, 3].map(() => RawClient.connect({ port }, get('/'))));
        await waitUntil(() => held.length === 3);
        expect(server.stats().requests).toMatchObject({ begun: 3, underWay: 3, completed: 0 });
        held[0]?.respond(200, 'done');
        expect(server.stats().requests).toMatchObject({ begun: 3, underWay: 2, completed: 1 });
        clients[1]?.reset();
        clients[2]?.reset();
        await waitUntil(() => server.stats().requests.cut === 2);
        expect(server.stats().requests).toMatchObject({ begun: 3, underWay: 0 });
        clients[0]?.close();
      },
    );
  });

  it('counts every request once, and the log has one record of it, however clients behave', () => {
    const delegate: HTTPServerConnectionDelegate = {
      startRequest(exchange) {
        let target = '';
        return {
          headersReceived(head) {
            target = head.target;
            if (target === '/early') exchange.writeHead(200, 'OK', HEADERS, 'early', true);
            else if (target === '/throw') throw new Error('a bug');
            else if (target === '/detach') exchange.detach().close();
            else if (target === '/abort') exchange.abort();
            else if (target === '/reject') return Promise.reject(new Error('a bug'));
            return undefined;
          },
          dataReceived: () =>
            target === '/wait' ? new Promise((resolve) => setImmediate(resolve)) : undefined,
          finish() {
            if (target === '/half') {
              exchange.writeHead(200, 'OK', HEADERS, 'half');
              throw new Error('a bug');
            }
            if (target === '/late') {
              setImmediate(() => exchange.writeHead(200, 'OK', HEADERS, 'late', true));
            } else if (!exchange.finished) {
              exchange.writeHead(200, 'OK', HEADERS, 'x');
              exchange.write('y'.repeat(10_000));
              exchange.finish();
            }
          },
          connectionClosed() {},
        };
      },
    };
    const targets = '/ /early /throw /detach /abort /reject /wait /half /late'.split(' ');
    const log: AccessRecord[] = [];
    return withServer(
      delegate,
      async ({ port, server }) => {
        const random = randomOf(7);
        const conversation = (): string => {
          let text = '';
          for (let count = 1 + random(4); count > 0; count -= 1) {
            const target = targets[random(targets.length)] as string;
            const kind = random(6);
            if (kind === 0) text += `POST ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello`;
            else if (kind === 1)
              text += `POST ${target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`;
            else if (kind === 2)
              text += `POST ${target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX`;
            else text += get(target, random(4) === 0 ? LAST : '');
          }
          return random(5) === 0 ? text.slice(0, random(text.length)) : text + (random(6) === 0 ? '\0' : '');
        };
        // All chance before the first connection: the same seed gives the same run, whatever comes first.
        const plans = Array.from({ length: 300 }, () => {
          const wire = conversation();
          return { wire, cut: random(wire.length + 1), waits: random(2) === 0, resets: random(3) === 0 };
        });
        await Promise.all(
          plans.map(async ({ wire, cut, waits, resets }) => {
            const client = await RawClient.connect({ port });
            client.send(wire.slice(0, cut));
            if (waits) await new Promise((resolve) => setImmediate(resolve));
            client.send(wire.slice(cut));
            if (resets) client.reset();
            else {
              client.socket.end();
              await client.untilEnd();
              client.close();
            }
          }),
        );
        await waitUntil(() => server.stats().open === 0 && server.stats().requests.underWay === 0);
        const stats = server.stats();
        expect(stats.opened).toBe(300);
        expect(ended(stats)).toBe(stats.requests.begun);
        expect(log).toHaveLength(stats.requests.begun + stats.refusedHeads);
        expect(new Set(log).size).toBe(log.length);
        const outcomes = new Set(log.map(({ outcome }) => outcome));
        expect(outcomes).toEqual(new Set(['completed', 'refused', 'detached', 'cut']));
        const answered = Object.values(stats.responses).reduce((sum, count) => sum + count, 0);
        expect(log.filter(({ status }) => status !== undefined)).toHaveLength(answered);
        expect(log.filter(({ aborted }) => aborted !== undefined)).toHaveLength(stats.requests.cut);
      },
      { accessLog: (record) => void log.push(record) },
    );
  });

  it('keeps nothing for a request without a listener', () =>
    withServer(
      (request) => {
        expect((request.exchange as unknown as { token: unknown }).token).toBeUndefined();
        request.respond(200, 'x');
      },
      async ({ port }) => {
        expect(statusLines(await converse(port, get('/', LAST)))).toEqual(['HTTP/1.1 200 OK']);
      },
    ));
});
