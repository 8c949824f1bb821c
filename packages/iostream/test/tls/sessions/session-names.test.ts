import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TCPServer, TlsVersion } from '../../../src/index.ts';
import { onSession } from '../../../src/tls/node-tls-adapter.ts';
import { type Certificates, makeCertificates } from '../../support/certificates.ts';
import { itNatively } from '../../support/native-case.ts';
import { echoServer, host } from '../../support/tls-fixture.ts';

let own: Certificates;
beforeAll(() => {
  own = makeCertificates();
});
afterAll(() => own.remove());

/** A connection of node:tls, which sends any text as the name. @returns a session, and whether one was resumed. */
function visit(
  server: TCPServer,
  version: TlsVersion,
  servername: string,
  session?: Buffer,
): Promise<{ session: Buffer; reused: boolean }> {
  return new Promise((resolve, reject) => {
    const limits = { minVersion: version, maxVersion: version } as const;
    const offered = session === undefined ? {} : { session };
    const to = { port: server.port, host, servername, rejectUnauthorized: false };
    const socket = connect({ ...to, ...limits, ...offered }, () => socket.write('a line\n'));
    let kept: Buffer | undefined;
    // In TLS 1.3 it comes before the echo; in TLS 1.2, a resumed session is not replaced.
    onSession(socket, (issued) => {
      kept ??= issued;
    });
    socket.once('data', () => {
      const reused = socket.isSessionReused();
      socket.destroy();
      resolve({ session: kept ?? Buffer.alloc(0), reused });
    });
    socket.once('error', reject);
  });
}

const severalCertificates = () =>
  echoServer({
    certificates: [
      { certFile: own.certFile, keyFile: own.keyFile, names: ['first.example'] },
      { certFile: own.certFile, keyFile: own.keyFile, names: ['second.example'] },
    ],
  });

const LONG = 'a'.repeat(23);

describe.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'a session of %s of a server with several certificates',
  (version) => {
    it.each([
      ['first.example', 'first.example'],
      ['first.example', 'FIRST.example'],
      ['Unknown.example', 'unknown.EXAMPLE'],
    ])('of the name %j is resumed under %j (RFC 6066 §3) [NET-06] [STR-15]', async (issued, asked) => {
      const { server } = await severalCertificates();
      await using _ = server;
      const { session } = await visit(server, version, issued);
      expect((await visit(server, version, asked, session)).reused).toBe(true);
    });

    // node:tls does not compare the names.
    itNatively.each([
      ['first.example', 'second.example'],
      ['b.example', 'c.example'],
      ['foo ', 'foo'],
      ['foo', 'foo '],
      [`${LONG} 1`, LONG],
      [`${LONG} A`, LONG],
      ['a@', 'a`'],
      ['a[', 'a{'],
      ['a_', 'a\x7f'],
    ])('of the name %j is not resumed under %j (RFC 6066 §3) [NET-06] [STR-15]', async (issued, asked) => {
      const { server } = await severalCertificates();
      await using _ = server;
      const { session } = await visit(server, version, issued);
      expect(session.length).toBeGreaterThan(0);
      expect((await visit(server, version, asked, session)).reused).toBe(false);
    });
  },
);
