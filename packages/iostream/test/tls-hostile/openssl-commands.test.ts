import { IOLoop } from '@landspout/ioloop';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TCPServer } from '../../src/index.ts';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { echoLines, echoServer, host } from '../support/tls-fixture.ts';
import { until } from '../support/until.ts';
import { TestAuthority } from '../tls-foreign/support/pki.ts';
import { startProgram } from '../tls-foreign/support/program.ts';

let own: Certificates;
beforeAll(() => {
  own = makeCertificates();
});
afterAll(() => own.remove());

/** Starts s_client, which takes letters as commands at the start of what it reads. */
const sClient = (port: number, ...options: readonly string[]) =>
  startProgram('openssl', ['s_client', '-connect', `${host}:${port}`, ...options]);

const timesIn = (text: string, words: string): number => text.split(words).length - 1;

describe('TCPServer and the commands of openssl s_client', () => {
  it('updates its keys as often as the client asks for [STR-15]', async () => {
    const { server, seen } = await echoServer({ certFile: own.certFile, keyFile: own.keyFile });
    await using _ = server;
    const program = sClient(server.port, '-tls1_3');
    await until(() => seen.length === 1);
    for (let count = 1; count <= 40; count += 1) {
      // One at a time: it looks for a command at the start of each read only.
      program.child.stdin.write('K\n');
      await until(() => timesIn(program.errors(), 'KEYUPDATE') === count);
    }
    program.child.stdin.write('still here\n');
    await program.until((output) => output.includes('still here\n'));
    expect(program.output().toString()).toContain('still here\n');
    await program.stop();
    await until(() => server.openConnections === 0);
    expect(server.stats().closed.error).toBe(0);
  });

  it('does not renegotiate [STR-15]', async () => {
    const { server, seen } = await echoServer({ certFile: own.certFile, keyFile: own.keyFile });
    await using _ = server;
    const program = sClient(server.port, '-tls1_2');
    await until(() => seen.length === 1);
    program.child.stdin.write('R\n');
    await program.closed;
    await until(() => server.openConnections === 0);
    expect(seen).toHaveLength(1);
    if (IOLoop.current().tls === 'native') expect(program.errors()).toContain('no renegotiation');
  });
});

describe('TCPServer with a certificate and the key of another', () => {
  it('is refused at construction, with the names of both files [SRV-01]', () => {
    const authority = new TestAuthority();
    const one = authority.issue('one');
    for (const other of [authority.issue('other'), authority.issue('rsa', { key: 'RSA' })]) {
      const tls = { certFile: one.certFile, keyFile: other.keyFile };
      let error: unknown;
      try {
        new TCPServer({ handleStream: echoLines, tls });
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toMatchObject({ code: 'ERR_STREAM_TLS' });
      const { message } = error as Error;
      expect(message).toContain(one.certFile);
      expect(message).toContain(other.keyFile);
    }
    authority.remove();
  });
});
