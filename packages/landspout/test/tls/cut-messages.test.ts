import { HTTPHeaders } from '@landspout/http1';
import { AsyncHTTPClient, type HTTPResponse } from '@landspout/httpclient';
import { HTTPServer, type ServerRequest } from '@landspout/httpserver';
import { IOLoop, type Logger } from '@landspout/ioloop';
import type { TlsVersion } from '@landspout/iostream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Certificates, makeCertificates } from '../../../iostream/test/support/certificates.ts';
import { until } from '../../../iostream/test/support/until.ts';
import { RECORD } from '../../../iostream/test/tls-hostile/support/records.ts';
import {
  type Direction,
  type Passage,
  RecordRelay,
} from '../../../iostream/test/tls-hostile/support/relay.ts';

let own: Certificates;
beforeAll(() => {
  own = makeCertificates();
});
afterAll(() => own.remove());

const VERSIONS: readonly TlsVersion[] = ['TLSv1.2', 'TLSv1.3'];
const BODY = 'a body that must be complete: 0123456789 the end';
const AT_ONCE = 20;

/** How the end of the body is known. */
const FRAMINGS: Record<string, (request: ServerRequest) => void> = {
  'a length': (request) => request.respond(200, BODY),
  chunks({ exchange }) {
    exchange.writeHead(200, 'OK', new HTTPHeaders());
    for (const part of BODY.match(/.{1,16}/g) ?? []) exchange.write(Buffer.from(part));
    exchange.finish();
  },
  'the end of the connection'({ exchange }) {
    const headers = HTTPHeaders.from({ Connection: 'close' });
    exchange.writeHead(200, 'OK', headers, BODY);
    exchange.finish();
  },
};

/** Bytes of one direction that are passed on, from the first record of the client's request on. */
interface Budget {
  readonly direction: Direction;
  readonly bytes: number;
}

/** Counts from the request on, and ends a direction without close_notify after a number of bytes. */
function cuttingAfter(
  { direction: side, bytes }: Budget,
  version: TlsVersion,
  count: (bytes: number) => void,
): Passage {
  let left = bytes;
  // In TLS 1.3 the last message of the client's handshake looks like data.
  let before = version === 'TLSv1.3' ? 2 : 1;
  return {
    pass(direction, record) {
      if (direction === 'client' && record.type === RECORD.data && before > 0) before -= 1;
      if (direction !== side || before > 0) return record.bytes;
      const passed = record.bytes.subarray(0, left);
      left -= passed.length;
      count(passed.length);
      return passed.length === 0 ? undefined : passed;
    },
    cut: (_from, to) => void to.end(),
  };
}

/** A server, and what became of requests to it through relays that cut a direction after each number of bytes. */
async function cutEverywhere(
  version: TlsVersion,
  side: Direction,
  respond: (request: ServerRequest) => void,
  request: (client: AsyncHTTPClient, url: string) => Promise<HTTPResponse>,
): Promise<{ total: number; outcomes: (string | Error)[]; bodies: string[] }> {
  const ignore = (): void => {};
  const logger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
  const bodies: string[] = [];
  const server = new HTTPServer(
    (received) => {
      bodies.push(Buffer.from(received.body).toString());
      respond(received);
    },
    { tls: { certFile: own.certFile, keyFile: own.keyFile }, loop: new IOLoop({ logger }) },
  );
  await server.listen({ host: '127.0.0.1' });
  const attempt = async (bytes: number): Promise<{ seen: number; outcome: string | Error }> => {
    let seen = 0;
    const passage = () =>
      cuttingAfter({ direction: side, bytes }, version, (count) => {
        seen += count;
      });
    await using relay = await RecordRelay.start(server.port, passage);
    const tls = { ca: own.cert, minVersion: version, maxVersion: version };
    const client = new AsyncHTTPClient({ defaults: { tls } });
    const url = `https://localhost:${relay.port}/`;
    const outcome = await request(client, url).then(
      (response) => response.text(),
      (error: Error) => error,
    );
    await client.close();
    return { seen, outcome };
  };
  // What is sent without a cut, a close_notify included.
  const { seen: total, outcome } = await attempt(Number.MAX_SAFE_INTEGER);
  expect(outcome).toBe(BODY);
  bodies.length = 0;
  const outcomes: (string | Error)[] = [];
  for (let from = 0; from < total; from += AT_ONCE) {
    const lengths = Array.from({ length: Math.min(AT_ONCE, total - from) }, (_, at) => from + at);
    const results = await Promise.all(lengths.map(attempt));
    outcomes.push(...results.map((result) => result.outcome));
  }
  await until(() => server.openConnections === 0);
  await server.closeAll();
  return { total, outcomes, bodies };
}

const get = (client: AsyncHTTPClient, url: string) => client.fetch(url);

describe.each(VERSIONS)('AsyncHTTPClient and a response over %s that is cut at every byte', (version) => {
  it.each(Object.keys(FRAMINGS))(
    'takes no part of a body for the whole, which is delimited by %s [SH-10]',
    async (framing) => {
      const respond = FRAMINGS[framing] as (request: ServerRequest) => void;
      const { total, outcomes } = await cutEverywhere(version, 'server', respond, get);
      expect(total).toBeGreaterThan(100);
      const partial = outcomes.filter((outcome) => typeof outcome === 'string' && outcome !== BODY);
      // node:tls does not tell whether an end was announced.
      const cannotTell = IOLoop.current().tls === 'node' && framing === 'the end of the connection';
      if (!cannotTell) expect(partial).toEqual([]);
      const failed = outcomes.filter((outcome) => outcome instanceof Error);
      expect(failed.length).toBeGreaterThan(cannotTell ? 50 : 100);
      for (const error of failed) expect((error as { code?: string }).code).toMatch(/^ERR_HTTPCLIENT_/);
    },
  );
});

describe.each(VERSIONS)('HTTPServer and a request over %s that is cut at every byte', (version) => {
  it('calls its handler for complete requests only [ATT-73]', async () => {
    const post = (client: AsyncHTTPClient, url: string) => client.fetch(url, { method: 'POST', body: BODY });
    const respond = (request: ServerRequest) => request.respond(200, request.body);
    const { total, bodies, outcomes } = await cutEverywhere(version, 'client', respond, post);
    expect(total).toBeGreaterThan(100);
    expect(new Set(bodies)).toEqual(new Set(bodies.length > 0 ? [BODY] : []));
    expect(outcomes.filter((outcome) => outcome instanceof Error).length).toBeGreaterThan(100);
    expect(outcomes.filter((outcome) => typeof outcome === 'string' && outcome !== BODY)).toEqual([]);
  });
});
