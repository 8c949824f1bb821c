import { once } from 'node:events';
import { connect } from 'node:net';
import type { TlsClientOptions, TlsVersion } from '../../../src/index.ts';
import { HOST, nextTurn } from '../../faults/support/churn-scene.ts';
import { intrudeAsClient } from '../support/intruder.ts';
import { RECORD } from '../support/records.ts';
import type { HandshakeEnding, TlsScene } from './tls-scene.ts';

/** The first bytes of a hello that is never complete. */
const HELLO_HEAD = Buffer.from([0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3]);

/** Sends bytes to the server, ends in some way, and waits until the connection is closed. */
async function sendRaw(
  port: number,
  bytes: Uint8Array,
  end: 'end' | 'destroy' | 'resetAndDestroy' | 'wait',
): Promise<void> {
  const socket = connect({ port, host: HOST, allowHalfOpen: true });
  socket.on('error', () => {});
  socket.on('end', () => socket.end());
  socket.resume();
  await once(socket, 'connect');
  if (bytes.length > 0) await new Promise((resolve) => socket.write(bytes, resolve));
  if (end === 'end') socket.end();
  else if (end !== 'wait') socket[end]();
  if (!socket.closed) await once(socket, 'close');
}

/** Connects in a way that must fail, or in whose middle the server closes. */
async function refused(
  { client, track, port }: TlsScene,
  tls: TlsClientOptions,
  code = 'ERR_STREAM_TLS',
  to = port,
): Promise<void> {
  const error = await track(client.connect({ host: HOST, port: to, tls })).then(
    async (stream) => {
      // In TLS 1.3 the client's handshake is complete first.
      const read = await track(stream.readBytes(1)).catch((reason: unknown) => reason);
      stream.close();
      await track(stream.waitClosed());
      return read;
    },
    (reason: unknown) => reason,
  );
  const found = (error as { code?: string }).code ?? '';
  if (!new RegExp(`^(${code}|ERR_STREAM_CLOSED)$`).test(found)) throw error;
}

const overVersion = (version: TlsVersion): HandshakeEnding => ({
  name: `a peer breaks ${version} after the handshake`,
  async run({ port, random }) {
    await using intruder = await intrudeAsClient(port, version);
    const record = intruder.sealed(RECORD.data, Buffer.from('zzz'));
    const at = random(record.length);
    record[at] = (record[at] as number) ^ (1 << random(8));
    intruder.sendBytes(record);
    if (random(2) === 0) intruder.socket.resetAndDestroy();
    else intruder.socket.end();
    while ((await intruder.next().catch(() => undefined)) !== undefined);
  },
});

/** Of handshakes: which end fails, and how. */
export const HANDSHAKE_ENDINGS: readonly HandshakeEnding[] = [
  { name: 'plain text', run: ({ port }) => sendRaw(port, Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'wait') },
  { name: 'a client ends without a byte', run: ({ port }) => sendRaw(port, Buffer.alloc(0), 'end') },
  { name: 'a client ends in its hello', run: ({ port }) => sendRaw(port, HELLO_HEAD, 'end') },
  { name: 'a client resets in its hello', run: ({ port }) => sendRaw(port, HELLO_HEAD, 'resetAndDestroy') },
  {
    name: 'a client waits in its hello until the deadline',
    run: ({ port }) => sendRaw(port, HELLO_HEAD, 'wait'),
  },
  {
    name: 'the client refuses the name',
    run: (scene) => refused(scene, { ...scene.tls, servername: 'wrong.example' }),
  },
  { name: 'the client does not trust the authority', run: (scene) => refused(scene, {}) },
  {
    name: 'no application protocol in common',
    run: (scene) => refused(scene, { ...scene.tls, alpnProtocols: ['other'] }),
  },
  {
    name: 'no cipher in common',
    run: (scene) =>
      refused(scene, { ...scene.tls, maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' }),
  },
  {
    name: 'the server refuses a client without a certificate',
    run: (scene) => refused(scene, scene.tls, 'ERR_STREAM_TLS', scene.strictServer.port),
  },
  {
    name: 'the server refuses the certificate of the client',
    run: (scene) => {
      const { cert, key } = scene.stranger;
      return refused(scene, { ...scene.tls, cert, key }, 'ERR_STREAM_TLS', scene.strictServer.port);
    },
  },
  {
    name: 'connecting is aborted',
    async run({ client, port, tls, track, random }) {
      const controller = new AbortController();
      const connecting = track(client.connect({ host: HOST, port, tls, signal: controller.signal }));
      for (let steps = random(12); steps > 0; steps -= 1) await nextTurn();
      controller.abort(new Error('no longer wanted'));
      await connecting.then(
        (stream) => stream.close(),
        () => {},
      );
    },
  },
  {
    name: 'the deadline of the client passes',
    async run({ virtualClient, rawPort, track, tls }) {
      const connecting = virtualClient.connect({ host: HOST, port: rawPort, tls, timeoutMs: 5_000 });
      const error = await track(connecting).catch((reason: unknown) => reason);
      if (!/^ERR_STREAM_(TIMEOUT|TLS)$/.test((error as { code?: string }).code ?? '')) throw error;
    },
  },
  {
    name: 'a relay cuts the handshake',
    async run({ virtualClient, cuttingRelay, track, tls }) {
      const options = { host: HOST, port: cuttingRelay.port, tls, timeoutMs: 5_000 };
      const stream = await track(virtualClient.connect(options)).catch(() => undefined);
      if (stream === undefined) return;
      // Cut after the client's handshake: perhaps neither end notices.
      stream.close();
      await track(stream.waitClosed());
    },
  },
  overVersion('TLSv1.2'),
  overVersion('TLSv1.3'),
];
