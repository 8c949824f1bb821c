import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTls, type SecureVersion } from 'node:tls';
import { IOLoop } from '@landspout/ioloop';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TlsServerOptions } from '../../../src/index.ts';
import { type Authority, type IssuedCertificate, makeAuthority } from '../../support/certificates.ts';
import { runSClient } from '../../support/openssl-peer.ts';
import { echoServer, host } from '../../support/tls-fixture.ts';

let authority: Authority;
let one: IssuedCertificate;
let other: IssuedCertificate;
beforeAll(() => {
  authority = makeAuthority();
  one = authority.issue('one', 'DNS:one.example');
  other = authority.issue('other', 'DNS:other.example');
});
afterAll(() => authority.remove());

/** With node:tls, only the tickets of the current keys are accepted. */
const KEY_BEFORE = IOLoop.current().tls === 'native' ? 'Reused' : 'New';
const VERSIONS = ['-tls1_2', '-tls1_3'];

const own = ({ certFile, keyFile }: IssuedCertificate): TlsServerOptions => ({ certFile, keyFile });

/** Connects with `openssl s_client`, and keeps its new session in a file. @returns whether it resumed a session. */
async function connect(port: number, file: string, ...options: string[]): Promise<string> {
  const { output } = await runSClient(port, ['-sess_out', join(authority.folder, file), ...options]);
  return /^(New|Reused), /m.exec(output)?.[1] ?? output;
}

/** Connects with the session of a file. */
function resume(port: number, from: string, to: string, ...options: string[]): Promise<string> {
  return connect(port, to, '-sess_in', join(authority.folder, from), ...options);
}

/** Connects with node:tls. After a resumption by TLS 1.2, openssl would not save a ticket that was replaced. */
async function visitWithNode(port: number, version: SecureVersion, session: Buffer | undefined) {
  const socket = connectTls({
    port,
    host,
    servername: 'one.example',
    ca: authority.cert,
    minVersion: version,
    maxVersion: version,
    ...(session === undefined ? {} : { session }),
  });
  socket.write('an echo\n');
  await once(socket, 'data'); // behind the tickets
  const outcome = socket.isSessionReused() ? 'Reused' : 'New';
  const latest = socket.getSession() as Buffer;
  socket.destroy();
  return { outcome, session: latest };
}

describe('TCPServer and the keys of its session tickets', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'accepts and replaces the tickets of the key before, but of none earlier, %s [NET-06]',
    async (version) => {
      const withKeys = () => ({ ...own(one), ticketKeys: randomBytes(48) });
      const { server } = await echoServer(withKeys());
      await using _ = server;
      const visit = (session?: Buffer) => visitWithNode(server.port, version, session);
      const first = await visit();
      expect(first.outcome).toBe('New');
      expect((await visit(first.session)).outcome).toBe('Reused');
      server.reloadTls(withKeys());
      const second = await visit(first.session);
      expect(second.outcome).toBe(KEY_BEFORE);
      server.reloadTls(withKeys());
      expect((await visit(second.session)).outcome).toBe(KEY_BEFORE);
      expect((await visit(first.session)).outcome).toBe('New');
    },
  );

  it('keeps the keys over a reload, and those before when the certificate changes [NET-06]', async () => {
    const files = {
      certFile: join(authority.folder, 'live.pem'),
      keyFile: join(authority.folder, 'live.key'),
    };
    const install = ({ certFile, keyFile }: IssuedCertificate): void => {
      copyFileSync(certFile, files.certFile);
      copyFileSync(keyFile, files.keyFile);
    };
    install(one);
    const { server } = await echoServer(files);
    await using _ = server;
    await connect(server.port, 'session');
    server.reloadTls();
    expect(await resume(server.port, 'session', 'unused')).toBe('Reused');
    install(other);
    server.reloadTls();
    expect(await resume(server.port, 'session', 'unused')).toBe(KEY_BEFORE);
    const ticketKeys = randomBytes(48);
    server.reloadTls({ ...files, ticketKeys });
    await connect(server.port, 'session');
    install(one);
    server.reloadTls({ ...files, ticketKeys });
    expect(await resume(server.port, 'session', 'unused')).toBe('Reused');
  });

  it.each(VERSIONS)('uses the same keys for all names, %s [NET-06]', async (version) => {
    const { server } = await echoServer({ certificates: [own(one), own(other)] });
    await using _ = server;
    for (const name of ['one.example', 'other.example']) {
      const options = ['-servername', name, version];
      expect(await connect(server.port, 'session', ...options)).toBe('New');
      expect(await resume(server.port, 'session', 'unused', ...options)).toBe('Reused');
    }
  });

  it('shares keys with servers of the same certificates alone [NET-06]', async () => {
    const first = await echoServer(own(one));
    await using _ = first.server;
    const same = await echoServer(own(one));
    await using __ = same.server;
    const stranger = await echoServer({ certificates: [own(other), own(one)] });
    await using ___ = stranger.server;
    await connect(first.server.port, 'session', '-servername', 'one.example');
    expect(await resume(same.server.port, 'session', 'unused', '-servername', 'one.example')).toBe('Reused');
    expect(await resume(stranger.server.port, 'session', 'unused', '-servername', 'one.example')).toBe('New');
  });
});
