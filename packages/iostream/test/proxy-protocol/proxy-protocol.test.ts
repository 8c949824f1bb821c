import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { connect as nodeConnect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { connect as tlsConnect } from 'node:tls';
import { RateLimitedLog } from '@landspout/ioloop/reactor';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type IOStream,
  type ProxyProtocolOptions,
  startTls,
  TCPServer,
  type TCPServerOptions,
} from '../../src/index.ts';
import { ProxyAcceptor } from '../../src/proxy-protocol/proxy-acceptor.ts';
import { resolveProxyOptions } from '../../src/proxy-protocol/proxy-options.ts';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { recordingLoop } from '../support/recording-logger.ts';
import { echoLines, watchedLoop } from '../support/tls-fixture.ts';
import { openDescriptors, until, untilDescriptorsAre } from '../support/until.ts';

const host = '127.0.0.1';
const FROM_US = { from: [host] };
const HEADER = 'PROXY TCP4 192.0.2.1 198.51.100.2 54321 443\r\n';
const CLIENT = { family: 'IPv4', address: '192.0.2.1', port: 54_321 };
const TARGET = { family: 'IPv4', address: '198.51.100.2', port: 443 };
const LOCAL = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex');

/** Answers one line with what it sees of the peer. */
async function tellAddresses(stream: IOStream): Promise<void> {
  const line = (await stream.readUntil('\n')).toString();
  const { remoteAddress, localAddress, proxied } = stream;
  await stream.write(JSON.stringify({ line, remoteAddress, localAddress, proxied }));
  stream.close();
}

describe('TCPServer with proxyProtocol', () => {
  const opened: (TCPServer | Socket)[] = [];
  let certificates: Certificates;
  beforeAll(() => {
    certificates = makeCertificates();
  });
  afterAll(() => certificates.remove());
  afterEach(async () => {
    for (const one of opened.splice(0)) {
      if (one instanceof TCPServer) await one.closeAll();
      else one.destroy();
    }
  });

  async function serve(
    proxyProtocol: ProxyProtocolOptions = FROM_US,
    options: TCPServerOptions = {},
  ): Promise<TCPServer> {
    const server = new TCPServer({ handleStream: tellAddresses, proxyProtocol, ...options });
    opened.push(server);
    return server.listen({ host });
  }

  async function dial(server: TCPServer): Promise<Socket> {
    const socket = nodeConnect({ port: server.port, host, noDelay: true });
    opened.push(socket);
    // Resets are what some tests are about; those who wait for something else still hear of them.
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  }

  /** What comes back for `bytes`: JSON, nothing, or the code of the error. */
  async function answerTo(server: TCPServer, bytes: string | Buffer): Promise<unknown> {
    const socket = await dial(server);
    socket.write(bytes);
    return text(socket).then(
      (answer) => (answer === '' ? '' : JSON.parse(answer)),
      (error: { code: string }) => error.code,
    );
  }

  it('gives a stream the addresses of the client, and says who the proxy is', async () => {
    const server = await serve();
    const socket = await dial(server);
    const port = socket.localPort;
    socket.write(`${HEADER}hello\n`);
    expect(JSON.parse(await text(socket))).toEqual({
      line: 'hello\n',
      remoteAddress: CLIENT,
      localAddress: TARGET,
      proxied: {
        version: 1,
        proxyAddress: { family: 'IPv4', address: host, port },
        proxyLocalAddress: { family: 'IPv4', address: host, port: server.port },
      },
    });
  });

  it('reads a header that comes byte by byte, in segments of their own', async () => {
    const socket = await dial(await serve());
    for (const character of `${HEADER}hello\n`) {
      await new Promise((resolve) => socket.write(character, resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(JSON.parse(await text(socket))).toMatchObject({ line: 'hello\n', remoteAddress: CLIENT });
  });

  it('reads a header of version 2', async () => {
    const header = Buffer.from('0d0a0d0a000d0a515549540a21210024', 'hex');
    const addresses = Buffer.from(`20010db8${'00'.repeat(11)}01`.repeat(2), 'hex');
    const bytes = Buffer.concat([header, addresses, Buffer.from('d43101bb', 'hex'), Buffer.from('hello\n')]);
    expect(await answerTo(await serve(), bytes)).toMatchObject({
      line: 'hello\n',
      remoteAddress: { family: 'IPv6', address: '2001:db8::1', port: 54_321 },
      localAddress: { family: 'IPv6', address: '2001:db8::1', port: 443 },
      proxied: { version: 2 },
    });
  });

  it.each([
    ['UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n')],
    ['LOCAL', LOCAL],
  ])('takes the proxy for the client when it says %s', async (_, header) => {
    const answer = await answerTo(await serve(), Buffer.concat([header, Buffer.from('hello\n')]));
    expect(answer).toMatchObject({ line: 'hello\n', remoteAddress: { address: host } });
    expect(answer).not.toHaveProperty('proxied');
  });

  it('lets the peer wait for its first word, and hears the end that comes with the header', async () => {
    const server = await serve(FROM_US, {
      async handleStream(stream) {
        const all = await stream.readUntilClose();
        await stream.write(`"${all.length} bytes of ${stream.remoteAddress.family}"`);
        stream.endWrite();
      },
    });
    const socket = nodeConnect({ port: server.port, host, allowHalfOpen: true });
    opened.push(socket);
    socket.end(HEADER);
    expect(await text(socket)).toBe('"0 bytes of IPv4"');
  });

  it('passes on much more than the header in the order in which it came', async () => {
    const byteLength = 1_000_000;
    const data = Buffer.from(Array.from({ length: byteLength }, (_, i) => i % 251));
    let got: Buffer | undefined;
    const server = await serve(FROM_US, {
      async handleStream(stream) {
        got = await stream.readBytes(byteLength);
        stream.close();
      },
    });
    const socket = await dial(server);
    socket.write(Buffer.concat([Buffer.from(HEADER), data]));
    await until(() => got !== undefined);
    expect(got?.equals(data)).toBe(true);
  });

  it('lets a stream send a file that is larger than the system takes at once', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'landspout-'));
    try {
      const path = join(folder, 'file');
      const data = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => i % 251));
      writeFileSync(path, data);
      const server = await serve(FROM_US, {
        async handleStream(stream) {
          const file = await open(path);
          await stream.sendFile(file).finally(() => file.close());
          stream.close();
        },
      });
      const socket = await dial(server);
      socket.write(HEADER);
      expect((await buffer(socket)).equals(data)).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  describe('believes listed addresses only', () => {
    it('and takes the header of others for data', async () => {
      const answer = await answerTo(await serve({ from: ['10.0.0.0/8', '::1', 'unix'] }), `${HEADER}`);
      expect(answer).toMatchObject({ line: HEADER, remoteAddress: { address: host } });
      expect(answer).not.toHaveProperty('proxied');
    });

    it('and knows networks', async () => {
      const answer = await answerTo(await serve({ from: ['192.0.2.7', '127.0.0.0/8'] }), `${HEADER}hello\n`);
      expect(answer).toMatchObject({ line: 'hello\n', remoteAddress: CLIENT });
    });

    it.each([
      [['unix'], 'hello\n'],
      [['0.0.0.0/0', '::/0'], HEADER],
    ])('and those of Unix sockets when %j are listed or not', async (from, line) => {
      const folder = mkdtempSync(join(tmpdir(), 'landspout-'));
      try {
        const server = new TCPServer({ handleStream: tellAddresses, proxyProtocol: { from } });
        opened.push(server);
        const path = join(folder, 'a.sock');
        await server.listen({ path });
        const socket = nodeConnect(path);
        socket.write(`${HEADER}hello\n`);
        const isClient = line === 'hello\n';
        expect(JSON.parse(await text(socket))).toMatchObject({
          line,
          remoteAddress: isClient ? CLIENT : { family: 'unix' },
        });
        await server.closeAll();
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    it('and not one whose address is a v4-mapped one of another network', async () => {
      const answer = await answerTo(await serve({ from: ['::ffff:10.0.0.0/104', '::/0'] }), HEADER);
      expect(answer).toMatchObject({ line: HEADER });
    });
  });

  describe('when a listed proxy breaks the protocol', () => {
    it.each([
      ['speaks without a header', 'GET / HTTP/1.1\r\n\r\n', 'ERR_PROXY_MISSING'],
      ['sends a malformed one', 'PROXY TCP4 1.2.3.4\r\nhello\n', 'ERR_PROXY_MALFORMED'],
      ['sends one without end', 'PROXY UNKNOWN'.padEnd(2_000, ' '), 'ERR_PROXY_TOO_LARGE'],
    ])('that %s, resets this connection alone, and says why', async (_, bytes, code) => {
      const { loop, of, records } = recordingLoop();
      const served: IOStream[] = [];
      const server = await serve(FROM_US, {
        loop,
        handleStream(stream) {
          served.push(stream);
          return echoLines(stream);
        },
      });
      const good = await dial(server);
      good.write(`${HEADER}hello\n`);
      await once(good, 'data');
      expect(await answerTo(server, bytes)).toBe('ECONNRESET');
      expect(served).toHaveLength(1);
      await until(() => server.openConnections === 1);
      good.write('again\n');
      expect(String((await once(good, 'data'))[0])).toBe('again\n');
      expect(of('warn').map(({ error }) => (error as { code: string }).code)).toEqual([code]);
      expect(records).toHaveLength(1);
      expect(server.stats()).toMatchObject({ opened: 1, refused: 0, proxyHeadersFailed: 1 });
    });

    it('says so once a minute at most, and then how often, and counts each', async () => {
      const { loop, clock, records } = watchedLoop();
      const server = await serve(FROM_US, { loop });
      for (let i = 0; i < 3; i += 1) expect(await answerTo(server, 'no header\n')).toBe('ECONNRESET');
      expect(records).toMatchObject([{ level: 'warn', count: 1, proxyAddress: { address: host } }]);
      await clock.advance(60_000);
      expect(await answerTo(server, 'no header\n')).toBe('ECONNRESET');
      expect(records).toMatchObject([{ count: 1 }, { count: 2 }]);
      await server.closeAll();
      expect(records).toMatchObject([{ count: 1 }, { count: 2 }, { count: 1 }]);
      expect(server.stats().proxyHeadersFailed).toBe(4);
    });

    it('gives it until the deadline, which nothing prolongs', async () => {
      const { loop, clock, records } = watchedLoop();
      const server = await serve({ ...FROM_US, timeoutMs: 1_000 }, { loop });
      const socket = await dial(server);
      const closed = new Promise((resolve) => socket.once('close', resolve));
      await until(() => clock.pending === 1);
      await clock.advance(900);
      socket.write('PROXY');
      await clock.advance(99);
      expect(server.openConnections).toBe(1);
      await clock.advance(1);
      await closed;
      expect(server.openConnections).toBe(0);
      expect(records).toMatchObject([{ level: 'warn', error: { code: 'ERR_STREAM_TIMEOUT' } }]);
      expect(server.stats().proxyHeadersFailed).toBe(1);
      expect(clock.pending).toBe(0);
    });

    it('leaves no timer behind a header that came, and counts none as failed', async () => {
      const { loop, clock } = watchedLoop();
      const server = await serve(FROM_US, { loop });
      expect(await answerTo(server, `${HEADER}hello\n`)).toMatchObject({ line: 'hello\n' });
      expect(server.stats().proxyHeadersFailed).toBe(0);
      expect(clock.pending).toBe(0);
    });

    it.each([
      ['before its first byte, in silence', '', []],
      ['in the middle of it', 'PROXY TC', ['ERR_PROXY_TRUNCATED']],
    ])('and hangs up %s', async (_, bytes, codes) => {
      const { loop, records } = recordingLoop();
      const server = await serve(FROM_US, { loop });
      const socket = await dial(server);
      await until(() => server.openConnections === 1);
      socket.end(bytes);
      await until(() => server.openConnections === 0);
      expect(records.map(({ error }) => (error as { code: string }).code)).toEqual(codes);
      expect(server.stats().proxyHeadersFailed).toBe(codes.length);
    });
  });

  it('takes other bytes for data when no header is required', async () => {
    const { loop, records } = recordingLoop();
    const server = await serve({ ...FROM_US, required: false }, { loop });
    expect(await answerTo(server, 'hello\n')).toMatchObject({
      line: 'hello\n',
      remoteAddress: { address: host },
    });
    expect(await answerTo(server, `${HEADER}hello\n`)).toMatchObject({ remoteAddress: CLIENT });
    // What begins like one and is none is no data.
    expect(await answerTo(server, 'PROXY hello\r\n')).toBe('ECONNRESET');
    expect(records).toHaveLength(1);
  });

  describe('and TLS', () => {
    async function tellOverTls(server: TCPServer, header: string, together: boolean): Promise<unknown> {
      const socket = await dial(server);
      if (together) {
        // Node writes the ClientHello right behind it.
        socket.cork();
        process.nextTick(() => socket.uncork());
      }
      socket.write(header);
      const secure = tlsConnect({ socket, ca: certificates.cert, servername: 'localhost' });
      secure.write('hello\n');
      return JSON.parse(await text(secure));
    }

    it.each([true, false])('reads the header before the handshake (in one segment: %s)', async (together) => {
      const { certFile, keyFile } = certificates;
      const server = await serve(FROM_US, { tls: { certFile, keyFile } });
      expect(await tellOverTls(server, HEADER, together)).toMatchObject({
        line: 'hello\n',
        remoteAddress: CLIENT,
        localAddress: TARGET,
        proxied: { version: 1, proxyAddress: { address: host } },
      });
      await until(() => server.openConnections === 0);
    });

    it('keeps the addresses through startTls', async () => {
      const { certFile, keyFile } = certificates;
      const server = await serve(FROM_US, {
        handleStream: async (stream) =>
          tellAddresses(await startTls(stream, { server: true, tls: { certFile, keyFile } })),
      });
      expect(await tellOverTls(server, HEADER, false)).toMatchObject({
        remoteAddress: CLIENT,
        proxied: { version: 1 },
      });
    });

    it('has no header of an unlisted address, nor inside TLS', async () => {
      const { loop, of } = recordingLoop();
      const { certFile, keyFile } = certificates;
      const server = await serve({ from: ['192.0.2.9'] }, { loop, tls: { certFile, keyFile } });
      const socket = await dial(server);
      socket.write(HEADER);
      await new Promise((resolve) => socket.resume().once('close', resolve));
      expect([...of('debug'), ...of('warn')]).toHaveLength(1);
      const inside = tlsConnect({ port: server.port, host, ca: certificates.cert, servername: 'localhost' });
      inside.write(HEADER);
      expect(JSON.parse(await text(inside))).toMatchObject({
        line: HEADER,
        remoteAddress: { address: host },
      });
    });
  });

  describe('and limits', () => {
    const line = (client: string): string => `PROXY TCP4 ${client} 198.51.100.2 1 2\r\n`;

    it('counts clients, not their proxy, against the limit of one address', async () => {
      const { loop } = recordingLoop();
      const server = await serve(FROM_US, { loop, handleStream: echoLines, maxConnectionsPerAddress: 1 });
      const connectAs = async (client: string): Promise<Socket> => {
        const socket = await dial(server);
        socket.write(`${line(client)}hello\n`);
        return socket;
      };
      const first = await connectAs('192.0.2.1');
      await once(first, 'data');
      const other = await connectAs('192.0.2.2');
      await once(other, 'data');
      expect((await text(await connectAs('192.0.2.1')).catch(() => '')).length).toBe(0);
      expect(server.openConnections).toBe(2);
      expect(server.stats().refused).toBe(1);
      first.destroy();
      await until(() => server.openConnections === 1);
      await once(await connectAs('192.0.2.1'), 'data');
    });

    it('counts those whose header is still to come against the limit of all', async () => {
      const { loop } = recordingLoop();
      const server = await serve(FROM_US, { loop, handleStream: echoLines, maxConnections: 1 });
      const silent = await dial(server);
      await until(() => server.openConnections === 1);
      expect((await text(await dial(server)).catch(() => '')).length).toBe(0);
      silent.destroy();
      await until(() => server.openConnections === 0);
      const next = await dial(server);
      next.write(`${HEADER}hello\n`);
      await once(next, 'data');
      expect(server.openConnections).toBe(1);
    });

    it('counts handshakes that begin behind a header, too', async () => {
      const { loop, of } = recordingLoop();
      const { certFile, keyFile } = certificates;
      const server = await serve(FROM_US, { loop, tls: { certFile, keyFile, maxHandshakes: 1 } });
      const early = [await dial(server), await dial(server)] as const;
      await until(() => server.openConnections === 2);
      for (const socket of early) socket.write(HEADER);
      await until(() => server.openConnections === 1);
      expect(server.stats().refused).toBe(1);
      expect(of('warn')).toHaveLength(1);
    });

    it('closes those whose header is still to come with the server, and leaves nothing behind', async () => {
      const before = openDescriptors();
      const { loop, clock, records } = watchedLoop();
      const server = await serve(FROM_US, { loop });
      const sockets = [await dial(server), await dial(server)];
      await until(() => server.openConnections === 2);
      await server.closeAll();
      for (const socket of sockets) expect((await text(socket)).length).toBe(0);
      expect(server.openConnections).toBe(0);
      expect(clock.pending).toBe(0);
      expect(records).toEqual([]);
      await untilDescriptorsAre(before);
    });
  });

  it('does not take a peer without an address for one of a Unix socket', () => {
    const { loop } = recordingLoop();
    const settings = resolveProxyOptions({ from: ['unix', host] });
    const acceptor = new ProxyAcceptor(settings, loop, new RateLimitedLog(loop));
    // What the system says of a peer that is gone already.
    const nobody = { family: 'unix', path: '' } as const;
    expect(acceptor.isProxy(nobody, false)).toBe(false);
    expect(acceptor.isProxy(nobody, true)).toBe(true);
    const peer = { family: 'IPv4', address: host, port: 1 } as const;
    expect(acceptor.isProxy(peer, false)).toBe(true);
  });

  it.each([
    { from: [] },
    { from: ['localhost'] },
    { from: [host], required: 'no' as unknown as boolean },
    { from: [host], timeoutMs: 0 },
    { from: [host], timeoutMs: Number.NaN },
    { from: [host], maxHeaderBytes: 231 },
    { from: [host], maxHeaderBytes: 65_552 },
  ] satisfies ProxyProtocolOptions[])('refuses %j', (proxyProtocol) => {
    expect(() => new TCPServer({ handleStream() {}, proxyProtocol })).toThrow(
      expect.objectContaining({ code: 'ERR_STREAM_USAGE' }),
    );
  });

  it('understands the header that curl sends', async () => {
    const server = await serve(FROM_US, {
      async handleStream(stream) {
        const head = (await stream.readUntil('\r\n\r\n')).toString();
        const { remoteAddress, proxied } = stream;
        const body = JSON.stringify({ line: head.split('\r\n', 1)[0], remoteAddress, proxied });
        await stream.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
        stream.close();
      },
    });
    const url = `http://${host}:${server.port}/`;
    // Nothing that is set or preloaded for this process is meant for curl.
    const env = { PATH: process.env.PATH };
    const curl = spawn('curl', ['--silent', '--show-error', '--noproxy', '*', '--haproxy-protocol', url], {
      env,
    });
    const answer = JSON.parse(await text(curl.stdout));
    // curl speaks of its own end: as a client it is both.
    expect(answer).toMatchObject({
      line: 'GET / HTTP/1.1',
      remoteAddress: { address: host },
      proxied: { version: 1, proxyAddress: answer.remoteAddress },
    });
  });
});
