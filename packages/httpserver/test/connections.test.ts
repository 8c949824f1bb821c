import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect as tlsConnect } from 'node:tls';
import { HTTPHeaders } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import { HTTPServer, type HTTPServerOptions, type ServerRequest } from '../src/index.ts';
import { makeCertificate } from './fixtures/certificate.ts';
import { converse } from './fixtures/raw-client.ts';
import { waitUntil, withServer } from './fixtures/running-server.ts';

const certificate = makeCertificate();
const GET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const bodyOf = (received: string) => received.slice(received.indexOf('\r\n\r\n') + 4);

/** What a request is told of its connection. */
const tell = (request: ServerRequest): void => {
  const { connection } = request;
  const { remoteAddress, protocol, tls } = connection;
  const told = {
    remoteAddress,
    protocol,
    tls: tls === undefined ? undefined : { protocol: tls.protocol, alpn: tls.alpnProtocol },
  };
  request.respond(200, JSON.stringify(told));
};

/** A request of Node's own client, which speaks TLS where `options` have a `ca`. */
async function get(options: RequestOptions & { readonly ca?: Buffer }, body = ''): Promise<string> {
  const make = options.ca === undefined ? httpRequest : httpsRequest;
  const outgoing = make({
    host: '127.0.0.1',
    agent: false,
    method: body === '' ? 'GET' : 'POST',
    ...options,
  }).end(body);
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  // From Node 24 on, the request emits it too, if there is no other listener.
  outgoing.on('error', () => {});
  return text(incoming);
}

describe('HTTPServer over TLS', () => {
  it('answers, says https, and knows what the handshake agreed on [HS-04]', () =>
    withServer(
      tell,
      async ({ server, port }) => {
        expect(server.url).toBe(`https://127.0.0.1:${port}`);
        expect(JSON.parse(await get({ port, ca: certificate.cert }))).toMatchObject({
          remoteAddress: { family: 'IPv4', address: '127.0.0.1' },
          protocol: 'https',
          tls: { protocol: 'TLSv1.3' },
        });
      },
      { tls: certificate },
    ));

  it('takes a body of many records and gives it back', () => {
    const body = 'x'.repeat(1_000_000);
    return withServer(
      (request) => request.respond(200, request.body),
      async ({ port }) => expect((await get({ port, ca: certificate.cert }, body)) === body).toBe(true),
      { tls: certificate },
    );
  });

  it('resets the connection of an answer that fails, so that its peer sees it [ATT-72]', () =>
    withServer(
      async ({ exchange }) => {
        exchange.writeHead(200, 'OK', new HTTPHeaders(), 'half of');
        await exchange.waitDrained();
        throw new Error('on purpose');
      },
      async ({ port, records }) => {
        await expect(get({ port, ca: certificate.cert })).rejects.toMatchObject({ code: 'ECONNRESET' });
        expect(records).toMatchObject([{ level: 'error' }]);
      },
      { tls: certificate },
    ));

  it('closes connections that are still in the handshake at the end of a stop', () =>
    withServer(
      tell,
      async ({ server, port }) => {
        const silent = connect({ port, host: '127.0.0.1' }).resume();
        silent.on('error', () => {});
        await waitUntil(() => server.openConnections === 1);
        expect(await server.stop({ graceMs: 10, drainMs: 60_000 })).toEqual({ finished: 0, idle: 0, cut: 0 });
        if (!silent.closed) await once(silent, 'close');
      },
      { tls: certificate },
    ));

  it('answers one more request of an idle connection when it stops', () =>
    withServer(
      tell,
      async ({ server, port }) => {
        const socket = tlsConnect({ port, host: '127.0.0.1', servername: 'localhost', ca: certificate.cert });
        await once(socket, 'secureConnect');
        await waitUntil(() => server.connectionCount === 1);
        const stopped = server.stop({ graceMs: 60_000, drainMs: 60_000 });
        socket.write(GET);
        expect(await text(socket)).toContain('\r\nConnection: close\r\n');
        expect(await stopped).toEqual({ finished: 1, idle: 0, cut: 0 });
      },
      { tls: certificate },
    ));
});

describe('HTTPServer over a Unix socket', () => {
  it('answers, and says that its peer has no address [HS-04]', async () => {
    const path = join(tmpdir(), `landspout-${process.pid}-${Math.random()}.sock`);
    await using server = new HTTPServer(tell, { protocol: 'https' });
    await server.listen({ path });
    expect(JSON.parse(await get({ socketPath: path }))).toMatchObject({
      remoteAddress: { family: 'unix' },
      protocol: 'https',
    });
  });
});

describe('HTTPServer behind something in front', () => {
  const told = async (options: HTTPServerOptions, received: string): Promise<unknown> => {
    let answer = '';
    await withServer(
      tell,
      async ({ port }) => {
        answer = await converse(port, received);
      },
      options,
    );
    return JSON.parse(bodyOf(answer));
  };

  it('takes the client from the PROXY protocol', async () => {
    const proxied = `PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n${GET}`;
    expect(await told({ proxyProtocol: { from: ['127.0.0.1'] } }, proxied)).toMatchObject({
      remoteAddress: { address: '192.0.2.7', port: 4711 },
      protocol: 'http',
    });
  });

  it('says the protocol that it was told to say [HS-04]', async () => {
    expect(await told({ protocol: 'https' }, GET)).toMatchObject({ protocol: 'https' });
  });

  it('refuses another protocol than those', () => {
    const options = { protocol: 'spdy' } as unknown as HTTPServerOptions;
    expect(() => new HTTPServer(tell, options)).toThrow(
      expect.objectContaining({ code: 'ERR_STREAM_USAGE' }),
    );
  });
});
