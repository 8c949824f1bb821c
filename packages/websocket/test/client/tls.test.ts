import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { websocketConnect } from '../../src/index.ts';
import { RecordingHandler } from '../fixtures/recording-handler.ts';
import { until, withApp } from '../fixtures/running-application.ts';

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

  it('refuses a certificate that nobody vouches for [WS-20]', () =>
    secured(async ({ url }) => {
      await expect(websocketConnect(url)).rejects.toMatchObject({ code: 'ERR_STREAM_TLS' });
      const connection = await websocketConnect(url, { tls: { rejectUnauthorized: false } });
      await connection[Symbol.asyncDispose]();
    }));

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
