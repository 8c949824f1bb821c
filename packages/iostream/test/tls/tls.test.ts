import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  IOStream,
  startTls,
  TCPClient,
  TCPServer,
  type TCPServerOptions,
  type TlsInfo,
  type TlsServerOptions,
} from '../../src/index.ts';
import { memoryPair } from '../../src/transports/index.ts';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { recordingLoop } from '../support/recording-logger.ts';
import { openDescriptors, until, untilDescriptorsAre } from '../support/until.ts';

const client = new TCPClient();
const host = '127.0.0.1';

let certificates: Certificates;
let elsewhere: Certificates;
let tls: { certFile: string; keyFile: string };
beforeAll(() => {
  certificates = makeCertificates();
  elsewhere = makeCertificates('DNS:elsewhere.example');
  tls = { certFile: certificates.certFile, keyFile: certificates.keyFile };
});
afterAll(() => {
  certificates.remove();
  elsewhere.remove();
});

async function echoLines(stream: IOStream): Promise<void> {
  for (;;) await stream.write(await stream.readUntil('\n'));
}

async function secureServer(options: Partial<TCPServerOptions> = {}): Promise<TCPServer> {
  return new TCPServer({ handleStream: echoLines, tls, ...options }).listen({ host });
}

async function expectEcho(stream: IOStream): Promise<void> {
  void stream.write('hello\n');
  expect((await stream.readUntil('\n')).toString()).toBe('hello\n');
}

describe('TCPServer with TLS', () => {
  it('speaks TLS on every connection, and says what was agreed on', async () => {
    const seen: (TlsInfo | undefined)[] = [];
    await using server = await secureServer({
      handleStream(stream) {
        seen.push(stream.tls);
        return echoLines(stream);
      },
    });
    await using stream = await client.connect({
      host: 'localhost',
      family: 4,
      port: server.port,
      tls: { caFile: certificates.certFile },
    });
    await expectEcho(stream);
    expect(stream.tls).toMatchObject({ protocol: 'TLSv1.3', alpnProtocol: false, authorized: true });
    expect(stream.tls?.getPeerCertificate()?.subject.CN).toBe('localhost');
    expect(stream.remoteAddress).toEqual({ family: 'IPv4', address: host, port: server.port });
    expect(seen[0]).toMatchObject({ protocol: 'TLSv1.3', authorized: false, servername: 'localhost' });
    expect(seen[0]?.getPeerCertificate()).toBeUndefined();
  });

  it('agrees on an application protocol', async () => {
    await using server = await secureServer({ tls: { ...tls, alpnProtocols: ['h2', 'http/1.1'] } });
    const alpn = { caFile: certificates.certFile, alpnProtocols: ['http/1.1'] };
    await using stream = await client.connect({ host, port: server.port, tls: alpn });
    expect(stream.tls?.alpnProtocol).toBe('http/1.1');
    await expectEcho(stream);
  });

  it.each(['localhost', host])(
    'takes a ready context, for a client that asks for %s [NET-06]',
    async (servername) => {
      const context = createSecureContext({ cert: certificates.cert, key: certificates.key });
      await using server = await secureServer({ tls: context });
      const secureContext = createSecureContext({ ca: certificates.cert });
      await using stream = await client.connect({
        host,
        port: server.port,
        tls: { secureContext, servername },
      });
      await expectEcho(stream);
    },
  );

  it('asks for the certificate of the client, and refuses one of an unknown authority', async () => {
    const seen: (TlsInfo | undefined)[] = [];
    const { loop } = recordingLoop();
    await using server = await secureServer({
      loop,
      tls: { ...tls, caFile: certificates.certFile, requestCert: true },
      handleStream(stream) {
        seen.push(stream.tls);
        return echoLines(stream);
      },
    });
    const own = { ...tls, caFile: certificates.certFile };
    await using stream = await client.connect({ host, port: server.port, tls: own });
    await expectEcho(stream);
    expect(seen[0]?.authorized).toBe(true);
    expect(seen[0]?.getPeerCertificate()?.subject.CN).toBe('localhost');
    const foreign = {
      caFile: certificates.certFile,
      certFile: elsewhere.certFile,
      keyFile: elsewhere.keyFile,
    };
    const refused = client
      .connect({ host, port: server.port, tls: foreign })
      .then((opened) => opened.readBytes(1).finally(() => opened.close()));
    await expect(refused).rejects.toThrow();
    expect(seen).toHaveLength(1);
  });

  it('serves the openssl client', async () => {
    await using server = await secureServer();
    const address = `${host}:${server.port}`;
    const options = [
      '-connect',
      address,
      '-CAfile',
      certificates.certFile,
      '-verify_return_error',
      '-quiet',
      '-no_ign_eof',
    ];
    const child = spawn('openssl', ['s_client', ...options], { stdio: ['pipe', 'pipe', 'ignore'] });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += String(chunk);
      if (output.includes('\n')) child.stdin.end();
    });
    child.stdin.write('from openssl\n');
    await once(child, 'close');
    expect(output).toBe('from openssl\n');
    await until(() => server.openConnections === 0);
  });

  it('fails at once, naming the file, when a file is missing [SRV-01]', () => {
    const missing = join(certificates.folder, 'missing.pem');
    for (const options of [
      { ...tls, certFile: missing },
      { ...tls, keyFile: missing },
      { ...tls, caFile: missing },
    ]) {
      const make = () => new TCPServer({ handleStream: echoLines, tls: options });
      expect(make).toThrow(
        expect.objectContaining({ code: 'ERR_STREAM_TLS', message: expect.stringContaining(missing) }),
      );
    }
  });

  it('fails at once when the certificate and key do not belong together or are none [SRV-01]', () => {
    const nonsense = join(certificates.folder, 'nonsense.pem');
    writeFileSync(nonsense, 'this is no certificate');
    for (const options of [
      { ...tls, keyFile: elsewhere.keyFile },
      { ...tls, certFile: nonsense },
    ]) {
      const make = () => new TCPServer({ handleStream: echoLines, tls: options });
      expect(make).toThrow(expect.objectContaining({ code: 'ERR_STREAM_TLS' }));
    }
  });

  it('refuses options that it does not know or that contradict each other [SRV-01] [NET-06]', () => {
    const wrong: object[] = [
      {},
      { key: 'a key' },
      { certfile: 'typo.pem' },
      { ...tls, requestcert: true },
      { ...tls, cert: 'twice' },
      { ...tls, secureContext: createSecureContext() },
      { ...tls, handshakeTimeoutMs: 0 },
    ];
    for (const options of wrong) {
      const make = () => new TCPServer({ handleStream: echoLines, tls: options as TlsServerOptions });
      expect(make, JSON.stringify(Object.keys(options))).toThrow(
        expect.objectContaining({ code: 'ERR_STREAM_USAGE' }),
      );
    }
  });

  it('is quiet about connections that go away in the handshake [STR-15]', async () => {
    const { loop, records, of } = recordingLoop();
    await using server = await secureServer({ loop });
    for (const how of ['close', 'reset', 'endWrite'] as const) {
      const stream = await client.connect({ host, port: server.port });
      await until(() => server.openConnections === 1);
      stream[how]();
      await until(() => server.openConnections === 0);
      stream.close();
    }
    await until(() => records.length === 3);
    expect(of('debug')).toHaveLength(3);
  });

  it('warns once of a peer that speaks something else, and closes it [STR-15]', async () => {
    const { loop, records } = recordingLoop();
    await using server = await secureServer({ loop });
    await using stream = await client.connect({ host, port: server.port });
    void stream.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await stream.readUntilClose();
    await until(() => server.openConnections === 0);
    expect(records).toMatchObject([{ level: 'warn', error: { code: 'ERR_STREAM_TLS' } }]);
  });

  it('counts handshakes against its limit, and ends them when disposed', async () => {
    const { loop } = recordingLoop();
    const server = await secureServer({ loop, maxConnections: 1 });
    await using first = await client.connect({ host, port: server.port });
    await until(() => server.openConnections === 1);
    await using second = await client.connect({ host, port: server.port });
    expect((await second.readUntilClose()).length).toBe(0);
    await server.closeAll();
    await first.readUntilClose().catch(() => {});
    await until(() => server.openConnections === 0);
  });

  it('leaves no descriptor behind, however its connections end', async () => {
    const { loop } = recordingLoop();
    const before = openDescriptors();
    {
      await using server = await secureServer({ loop });
      for (let i = 0; i < 12; i += 1) {
        const secure = { tls: { caFile: certificates.certFile } };
        const stream = await client.connect({ host, port: server.port, ...(i % 2 === 0 ? secure : {}) });
        if (i % 2 === 0) await expectEcho(stream);
        if (i % 3 === 0) stream.reset();
        else if (i % 3 === 1) stream.close();
        else stream.endWrite();
        await stream.readUntilClose().catch(() => {});
        stream.close();
      }
      await until(() => server.openConnections === 0);
    }
    await untilDescriptorsAre(before);
  });
});

describe('TCPClient with TLS', () => {
  it('verifies the certificate by default [NET-06]', async () => {
    const { loop } = recordingLoop();
    await using server = await secureServer({ loop });
    const connecting = client.connect({ host, port: server.port, tls: true });
    await expect(connecting).rejects.toMatchObject({
      name: 'StreamConnectError',
      code: 'ERR_STREAM_TLS',
      cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
    });
    await until(() => server.openConnections === 0);
  });

  it('verifies the name by default [STR-14]', async () => {
    const { loop } = recordingLoop();
    await using server = await secureServer({
      loop,
      tls: { certFile: elsewhere.certFile, keyFile: elsewhere.keyFile },
    });
    for (const name of ['localhost', host]) {
      const connecting = client.connect({
        host: name,
        family: 4,
        port: server.port,
        tls: { caFile: elsewhere.certFile },
      });
      await expect(connecting).rejects.toMatchObject({
        code: 'ERR_STREAM_TLS',
        cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
      });
    }
    const told = { caFile: elsewhere.certFile, servername: 'elsewhere.example' };
    await using stream = await client.connect({ host, port: server.port, tls: told });
    await expectEcho(stream);
  });

  it('accepts any certificate and name when told to [NET-06]', async () => {
    await using server = await secureServer({
      tls: { certFile: elsewhere.certFile, keyFile: elsewhere.keyFile },
    });
    await using stream = await client.connect({
      host,
      port: server.port,
      tls: { rejectUnauthorized: false },
    });
    await expectEcho(stream);
    expect(stream.tls?.authorized).toBe(false);
  });

  it('says that the server closed in the handshake', async () => {
    await using server = await new TCPServer({ handleStream: (stream) => stream.close() }).listen({ host });
    const connecting = client.connect({ host, port: server.port, tls: true });
    await expect(connecting).rejects.toMatchObject({ code: 'ERR_STREAM_TLS' });
  });

  it('refuses options that it does not know [NET-06]', async () => {
    await using server = await secureServer();
    const unknown = { requestCert: true } as object;
    const connecting = client.connect({ host, port: server.port, tls: unknown });
    await expect(connecting).rejects.toMatchObject({ code: 'ERR_STREAM_USAGE' });
  });
});

describe('startTls', () => {
  const channels: Record<string, () => Promise<[IOStream, IOStream, () => Promise<unknown>]>> = {
    async TCP() {
      let accepted!: (stream: IOStream) => void;
      const arrival = new Promise<IOStream>((resolve) => {
        accepted = resolve;
      });
      const server = await new TCPServer({ handleStream: (stream) => accepted(stream) }).listen({ host });
      const ours = await client.connect({ host, port: server.port });
      return [ours, await arrival, () => server.closeAll()];
    },
    async memory() {
      const [one, other] = memoryPair();
      return [new IOStream(one), new IOStream(other), async () => {}];
    },
  };

  it.each(Object.keys(channels))(
    'turns a plain connection over %s into a TLS one [STR-14]',
    async (channel) => {
      const [ours, theirs, release] = await (channels[channel] as (typeof channels)[string])();
      void ours.write('STARTTLS\n');
      await theirs.readUntil('\n');
      await theirs.write('READY\n');
      const { remoteAddress } = theirs;
      const securing = startTls(theirs, { server: true, tls });
      await ours.readUntil('\n');
      const clientTls = { servername: 'localhost', caFile: certificates.certFile };
      await using secured = await startTls(ours, { server: false, tls: clientTls });
      await using securedPeer = await securing;
      void echoLines(securedPeer).catch(() => {});
      await expectEcho(secured);
      expect(secured.tls?.authorized).toBe(true);
      expect(securedPeer.remoteAddress).toEqual(remoteAddress);
      await release();
    },
  );

  it('refuses a stream that is not idle, and leaves it as it is [STR-14]', async () => {
    const [one, other] = memoryPair();
    await using a = new IOStream(one);
    await using b = new IOStream(other);
    const waiting = a.readUntil('\n');
    const securing = startTls(a, { server: false, tls: { servername: 'localhost' } });
    await expect(securing).rejects.toMatchObject({ code: 'ERR_STREAM_USAGE' });
    void b.write('still here\n');
    expect((await waiting).toString()).toBe('still here\n');
  });

  it('fails on both sides when the certificate is not believed', async () => {
    const [one, other] = memoryPair();
    const accepting = startTls(new IOStream(other), { server: true, tls });
    const connecting = startTls(new IOStream(one), { server: false, tls: { servername: 'localhost' } });
    const outcomes = await Promise.allSettled([accepting, connecting]);
    expect(outcomes[1]).toMatchObject({ reason: { code: 'ERR_STREAM_TLS' } });
    // With TLS 1.3 the server may be through before it hears of the refusal.
    const [accepted] = outcomes;
    if (accepted?.status === 'fulfilled')
      await expect(accepted.value.readBytes(1)).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' });
    else expect(accepted).toMatchObject({ reason: { code: 'ERR_STREAM_TLS' } });
  });

  it('stops when it is aborted', async () => {
    const [one, other] = memoryPair();
    const controller = new AbortController();
    const { signal } = controller;
    const reason = new Error('never mind');
    const accepting = startTls(new IOStream(other), { server: true, tls, signal });
    controller.abort(reason);
    await expect(accepting).rejects.toBe(reason);
    await using peer = new IOStream(one);
    expect((await peer.readUntilClose()).length).toBe(0);
  });
});
