import { connect } from 'node:net';
import { HTTPHeaders } from '@landspout/http1';
import { IOLoop } from '@landspout/ioloop';
import { describe, expect, it } from 'vitest';
import { CuttableTls } from '../../../iostream/test/support/bare-ends.ts';
import { FetchContainer } from '../../src/fetch/index.ts';
import type { ServerRequest } from '../../src/index.ts';
import { NodeContainer } from '../../src/node/index.ts';
import { makeCertificate } from '../fixtures/certificate.ts';
import { RecordingDelegate } from '../fixtures/recording-delegate.ts';
import { type RunningServer, waitUntil, withServer } from '../fixtures/running-server.ts';

const certificate = makeCertificate();
/** node:tls reports an end without close_notify as any other. */
const tellsEnds = IOLoop.current().tls === 'native';

const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;

type Handler = Parameters<typeof withServer>[0];

/** Runs an HTTPS server. `dial` connects a client of node:tls whose TCP connection the test ends by itself. */
function secured(
  handler: Handler,
  test: (
    dial: (maxVersion?: (typeof VERSIONS)[number]) => Promise<CuttableTls>,
    running: RunningServer,
  ) => Promise<void>,
): Promise<void> {
  const clients: CuttableTls[] = [];
  return withServer(
    handler,
    (running) =>
      test(async (maxVersion = 'TLSv1.3') => {
        const socket = connect({ host: '127.0.0.1', port: running.port, allowHalfOpen: true });
        const client = await CuttableTls.connect(socket, { ca: certificate.cert, maxVersion });
        clients.push(client);
        return client;
      }, running),
    { tls: certificate },
  ).finally(() => {
    for (const client of clients) client.close();
  });
}

/** The codes of an error and its causes. */
function codesOf(error: unknown): unknown[] {
  const codes: unknown[] = [];
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    codes.push((cause as { code?: unknown }).code);
  return codes;
}

/** What the reason of a request says that was cut off. */
const CUT = ['ERR_HTTP_CLOSED', ...(tellsEnds ? ['ERR_STREAM_TLS_TRUNCATED'] : [])];

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: a\r\n';
const UPLOADS: Record<string, readonly string[]> = {
  'a length': [`${POST}Content-Length: 10\r\n\r\n`, 'hello', 'world'],
  chunks: [`${POST}Transfer-Encoding: chunked\r\n\r\n`, '5\r\nhello\r\n', '5\r\nworld\r\n', '0\r\n\r\n'],
};
/** So many bytes that a handler is called before the last of them, which is missing. */
const LARGE = 'x'.repeat(100_000);
const CUT_UPLOADS = [
  [`${POST}Content-Length: ${LARGE.length + 1}\r\n\r\n`, LARGE],
  [`${POST}Transfer-Encoding: chunked\r\n\r\n`, `${LARGE.length.toString(16)}\r\n${LARGE}\r\n`],
];

describe.each(VERSIONS)('HTTPServer over %s', (version) => {
  it.each(['endProperly', 'endBare'] as const)('responds to a client that has ended with %s', (end) => {
    const large = 'x'.repeat(1_000_000);
    const handler = async (request: ServerRequest): Promise<void> => {
      // The end of the client is seen before the response begins.
      await waitUntil(() => request.closeReason !== undefined);
      request.exchange.writeHead(200, 'OK', HTTPHeaders.from({ 'Content-Length': `${large.length}` }));
      request.exchange.write(large.slice(0, 500_000));
      await request.exchange.waitDrained();
      request.exchange.write(large.slice(500_000));
      request.exchange.finish();
    };
    return secured(handler, async (dial, { server, records }) => {
      const client = await dial(version);
      await client.send(GET);
      client[end]();
      const received = await client.untilEnd();
      expect(received.slice(received.indexOf('\r\n\r\n') + 4)).toBe(large);
      await waitUntil(() => server.connectionCount === 0);
      expect(records).toEqual([]);
    });
  });

  it('closes quietly if a client ends between two requests, in a head, or without any', () =>
    secured(
      (request: ServerRequest) => request.respond(200, 'hello'),
      async (dial, { server, records }) => {
        for (const text of ['', GET.slice(0, 10), GET]) {
          const client = await dial(version);
          if (text !== '') await client.send(text);
          if (text === GET) await client.until(/hello/);
          client.endBare();
          await client.untilEnd();
        }
        await waitUntil(() => server.connectionCount === 0);
        expect(records).toEqual([]);
      },
    ));
});

describe('an upload over TLS that is cut at any byte of its ciphertext', () => {
  it.each(Object.entries(UPLOADS))('with %s, is never taken for a whole one', (_framing, pieces) => {
    const delegate = new RecordingDelegate();
    return secured(delegate, async (dial, { server }) => {
      const first = await dial();
      const whole = await first.sendWhole(pieces);
      await first.until(/10 bytes/);
      expect(delegate.requests.at(-1)?.calls).toEqual(['head', 'data', 'finish']);
      for (let cut = 0; cut < whole; cut += 1) {
        const before = delegate.requests.length;
        const client = await dial();
        await client.sendCut(pieces, cut);
        expect(await client.untilEnd(), `cut after ${cut} of ${whole} bytes`).toBe('');
        await waitUntil(() => server.connectionCount <= 1);
        for (const request of delegate.requests.slice(before)) {
          expect(request.calls, `cut after ${cut} of ${whole} bytes`).not.toContain('finish');
          expect(codesOf(request.closedWith.at(-1))).toEqual(CUT);
        }
      }
      // Most cuts are in the body.
      expect(delegate.requests.length).toBeGreaterThan(whole / 3);
    });
  });

  it('fails the body of a Fetch request', () => {
    const outcomes: unknown[] = [];
    const container = new FetchContainer(async (request) => {
      try {
        outcomes.push(await request.text());
      } catch (error) {
        outcomes.push(codesOf(error));
      }
      return new Response();
    });
    return secured(container, async (dial) => {
      for (const pieces of CUT_UPLOADS) {
        const client = await dial();
        await client.sendWhole(pieces);
        client.endBare();
        await client.untilEnd();
      }
      await waitUntil(() => outcomes.length === 2);
      expect(outcomes).toEqual([CUT, CUT]);
    });
  });

  it('aborts a request of a Node handler', () => {
    let events: string[] = [];
    const container = new NodeContainer((request) => {
      for (const event of ['aborted', 'end', 'error', 'close']) request.on(event, () => events.push(event));
      request.resume();
    });
    return secured(container, async (dial) => {
      for (const pieces of CUT_UPLOADS) {
        events = [];
        const client = await dial();
        await client.sendWhole(pieces);
        client.endBare();
        await client.untilEnd();
        await waitUntil(() => events.includes('close'));
        expect(events).toEqual(['aborted', 'error', 'close']);
      }
    });
  });
});

describe('a connection that a Node handler has taken over', () => {
  it('fails after what arrived if its client ends without close_notify', () => {
    const events: string[] = [];
    const container = new NodeContainer(() => {}, {
      onUpgrade: (_request, socket) => {
        socket.on('data', (chunk) => events.push(String(chunk)));
        socket.on('end', () => events.push('end'));
        socket.on('end', () => socket.end());
        socket.on('error', (error) => events.push(String((error as { code?: unknown }).code)));
        socket.on('close', () => events.push('close'));
      },
    });
    return secured(container, async (dial) => {
      const client = await dial();
      await client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
      await client.send('half');
      await waitUntil(() => events.length === 1);
      client.endBare();
      await client.untilEnd();
      await waitUntil(() => events.includes('close'));
      expect(events).toEqual(['half', tellsEnds ? 'ERR_STREAM_TLS_TRUNCATED' : 'end', 'close']);
    });
  });
});
