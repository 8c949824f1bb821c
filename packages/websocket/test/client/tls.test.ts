import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { HTTPRequest } from '@landspout/httpclient';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { makeIdentity } from '../../../httpclient/test/fixtures/certificates.ts';
import { intrudeAsServer } from '../../../iostream/test/tls-hostile/support/intruder.ts';
import { RECORD } from '../../../iostream/test/tls-hostile/support/records.ts';
import { ReconnectingWebSocket, websocketConnect } from '../../src/index.ts';
import { RecordingHandler } from '../fixtures/recording-handler.ts';
import { until, withApp } from '../fixtures/running-application.ts';
import { echo, withWsServer } from '../fixtures/ws-server.ts';

let folder: string;
let ca: Buffer;
const file = (name: string) => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'landspout-websocket-'));
  const key = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-keyout',
    file('key.pem'),
  ];
  const name = [
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=DNS:localhost,IP:127.0.0.1',
    '-days',
    '2',
  ];
  const { status, stderr } = spawnSync('openssl', [
    'req',
    '-x509',
    ...key,
    ...name,
    '-out',
    file('cert.pem'),
  ]);
  if (status !== 0) throw new Error(`these tests need the openssl command: ${stderr}`);
  ca = readFileSync(file('cert.pem'));
});

afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(() => RecordingHandler.reset());

function onlySocket(requests: readonly IncomingMessage[]): TLSSocket {
  const [first] = requests;
  if (first === undefined) throw new Error('there was no request');
  return first.socket as TLSSocket;
}

const secured = (use: Parameters<typeof withApp>[1]) =>
  withApp([['/', RecordingHandler]], use, { tls: { certFile: file('cert.pem'), keyFile: file('key.pem') } });

describe('wss', () => {
  it('carries messages of every size both ways, and an orderly close [WS-20]', () =>
    secured(async ({ url }) => {
      expect(url).toMatch(/^wss:/);
      const connection = await websocketConnect(url, { tls: { ca } });
      const sizes = [0, 1, 125, 126, 65_536, 5_000_000];
      for (const size of sizes) void connection.writeMessage(new Uint8Array(size));
      for (const size of sizes) expect(await connection.readMessage()).toHaveLength(size);
      connection.close(4000, 'bye');
      await connection.waitClosed();
      expect([connection.closeCode, connection.closeError]).toEqual([4000, undefined]);
      await until(() => RecordingHandler.only.closes > 0);
      expect(RecordingHandler.only.closeReason).toBe('bye');
    }));

  it('refuses a certificate of an unknown authority [WS-20]', () =>
    secured(async ({ url }) => {
      await expect(websocketConnect(url)).rejects.toMatchObject({
        code: 'ERR_STREAM_TLS',
        message: expect.stringMatching(
          / was refused: it is self-signed \(issuer: CN=localhost\) .* tls\.ca /,
        ),
      });
      const connection = await websocketConnect(url, { tls: { rejectUnauthorized: false } });
      await connection[Symbol.asyncDispose]();
    }));

  it('presents a client certificate to a server that requires one [WS-20]', async () => {
    const client = makeIdentity('DNS:client');
    const mutual = { key: readFileSync(file('key.pem')), cert: ca, ca: client.cert, requestCert: true };
    await withWsServer(
      echo,
      async ({ url, requests, openSockets }) => {
        await expect(websocketConnect(url, { tls: { ca } })).rejects.toThrow();
        const connection = await websocketConnect(url, { tls: { ca, cert: client.cert, key: client.key } });
        await connection.writeMessage('known');
        expect(await connection.readMessage()).toBe('known');
        await connection[Symbol.asyncDispose]();
        const { subject } = onlySocket(requests).getPeerCertificate();
        expect([requests.length, subject.CN]).toEqual([1, 'landspout test']);
        await until(() => openSockets() === 0);
      },
      { tls: { ...mutual, rejectUnauthorized: true } },
    );
  });

  it('sends servername, and checks the certificate against it instead of the host [WS-20]', async () => {
    const named = makeIdentity('DNS:chat.example');
    await withWsServer(
      echo,
      async ({ url, requests, openSockets }) => {
        await expect(websocketConnect(url, { tls: { ca: named.cert } })).rejects.toMatchObject({
          code: 'ERR_STREAM_TLS',
        });
        const tls = { ca: named.cert, servername: 'chat.example' };
        const connection = await websocketConnect(new HTTPRequest(url, { tls }));
        expect(onlySocket(requests).servername).toBe('chat.example');
        await connection[Symbol.asyncDispose]();
        await until(() => openSockets() === 0);
      },
      { tls: named },
    );
  });

  it('serves the client of ws [WS-10]', () =>
    secured(async ({ url }) => {
      const client = new WebSocket(url, { ca, perMessageDeflate: false });
      await once(client, 'open');
      client.send('over TLS');
      const [data] = (await once(client, 'message')) as [Buffer];
      expect(data.toString()).toBe('over TLS');
      client.close(1000);
      const [code] = (await once(client, 'close')) as [number];
      expect(code).toBe(1000);
    }));
});

describe('websocketConnect with invalid TLS options', () => {
  const untouched = {
    resolve: () => {
      throw new Error('the name was resolved');
    },
  };
  const connecting = (options: object) =>
    websocketConnect('wss://server.test/', { resolver: untouched, ...options });

  it.each<[unknown, RegExp]>([
    [true, /^websocketConnect: tls: an object of options was expected, not true \(see /],
    [{ cafile: 'x' }, /^websocketConnect: tls: unknown option "cafile": did you mean "caFile"\? \(see /],
    [{ caFile: '/nowhere/ca.pem' }, /^websocketConnect: tls: caFile \/nowhere\/ca\.pem cannot be read: /],
  ])('refuses %j before the name is resolved, and never again [WC-01]', async (tls, words) => {
    const refused = { code: 'ERR_WEBSOCKET_BAD_OPTION', message: expect.stringMatching(words) };
    await expect(connecting({ tls })).rejects.toMatchObject(refused);
    const connect = { tls: tls as object, resolver: untouched };
    const reconnecting = new ReconnectingWebSocket('wss://server.test/', { connect });
    await expect(reconnecting.readMessage()).rejects.toMatchObject(refused);
  });

  it('refuses a host that no certificate can have [WC-01]', async () => {
    await expect(websocketConnect('wss://a..b/', { resolver: untouched })).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_WEBSOCKET_BAD_(OPTION|URL)$/),
    });
  });

  it.each<[object, string]>([
    [{ rejectUnauthorized: false }, 'unknown option "rejectUnauthorized": set tls.rejectUnauthorized'],
    [{ ca: 'x' }, 'unknown option "ca": set tls.ca'],
    [{ pfx: 'x' }, 'unknown option "pfx": convert it to PEM with openssl pkcs12, and set tls.certFile'],
    [{ agent: {} }, 'unknown option "agent": agents are not used'],
  ])('names the right place of %o [WC-01]', async (options, message) => {
    await expect(connecting(options)).rejects.toMatchObject({
      code: 'ERR_WEBSOCKET_BAD_OPTION',
      message: expect.stringContaining(`websocketConnect: ${message}`),
    });
  });
});

describe('websocketConnect whose certificate the server refuses', () => {
  it('says so in TLS 1.3 too, and ReconnectingWebSocket does not try again [WC-01]', async () => {
    const identity = makeIdentity('DNS:localhost,IP:127.0.0.1');
    const { cert, key } = identity;
    const own = { cert: Buffer.from(cert), key: Buffer.from(key), certFile: '', keyFile: '' };
    const { port, intruder } = await intrudeAsServer(own, 'TLSv1.3');
    const socket = new ReconnectingWebSocket(`wss://127.0.0.1:${port}/`, {
      connect: { tls: { ca: cert, cert, key } },
    });
    const failing = socket.readMessage().catch((error: unknown) => error);
    await using server = await intruder;
    server.send(RECORD.alert, Buffer.of(2, 48));
    expect(await failing).toMatchObject({
      message: expect.stringContaining('the server refused the certificate of this client; see certFile ('),
      cause: { code: 'ERR_STREAM_TLS' },
    });
  });
});
