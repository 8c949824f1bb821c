import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTls, TCPClient, TCPServer, type TlsVersion } from '../../src/index.ts';
import type { IssuedCertificate } from '../support/certificates.ts';
import { host } from '../support/tls-fixture.ts';
import { until } from '../support/until.ts';
import { bodyServer, exchangeBody } from '../tls-foreign/support/body-server.ts';
import { TestAuthority } from '../tls-foreign/support/pki.ts';
import { startTrickle } from './support/trickle.ts';

let authority: TestAuthority;
let own: IssuedCertificate;
let known: IssuedCertificate;
beforeAll(() => {
  authority = new TestAuthority();
  own = authority.issue('own');
  known = authority.issue('known');
});
afterAll(() => authority.remove());

const VERSIONS: readonly TlsVersion[] = ['TLSv1.2', 'TLSv1.3'];
const files = ({ certFile, keyFile }: IssuedCertificate) => ({ certFile, keyFile });

describe.each(VERSIONS)('a connection of %s that transports one byte at a time', (version) => {
  it('is secured, transports a body both ways, and ends in order [STR-15]', async () => {
    const body = randomBytes(700);
    const { server, seen } = await bodyServer(body.length, files(own));
    await using _ = server;
    await using slow = await startTrickle(server.port);
    const tls = { caFile: authority.certFile, minVersion: version, maxVersion: version };
    const { received } = await exchangeBody(slow.port, body, tls);
    expect(Buffer.from(received)).toEqual(body);
    expect(seen).toMatchObject([{ protocol: version }]);
    await until(() => server.openConnections === 0);
    expect(server.stats()).toMatchObject({ opened: 1, handshakesFailed: 0 });
    expect(server.stats().closed).toMatchObject({ error: 0, 'peer-reset': 0 });
  });

  it('is secured with certificates of both ends [STR-15]', async () => {
    const body = Buffer.from('a body');
    const demanding = { ...files(own), requestCert: true, caFile: authority.certFile };
    const { server, peers } = await bodyServer(body.length, demanding);
    await using _ = server;
    await using slow = await startTrickle(server.port);
    const tls = { ...files(known), caFile: authority.certFile, minVersion: version, maxVersion: version };
    const { received } = await exchangeBody(slow.port, body, tls);
    expect(Buffer.from(received)).toEqual(body);
    expect(peers).toEqual(['known']);
  });

  it('is secured in its middle [STR-14]', async () => {
    await using server = await new TCPServer({
      async handleStream(stream) {
        await stream.write(await stream.readUntil('\n'));
        const secured = await startTls(stream, { server: true, tls: files(own) });
        await secured.write(await secured.readUntil('\n'));
        secured.closeGracefully();
      },
    }).listen({ host });
    await using slow = await startTrickle(server.port);
    const plain = await new TCPClient().connect({ host, port: slow.port });
    void plain.write('STARTTLS\n');
    expect((await plain.readUntil('\n')).toString()).toBe('STARTTLS\n');
    const tls = {
      caFile: authority.certFile,
      servername: 'localhost',
      minVersion: version,
      maxVersion: version,
    };
    await using stream = await startTls(plain, { server: false, tls });
    void stream.write('secret\n');
    expect((await stream.readUntil('\n')).toString()).toBe('secret\n');
    expect((await stream.readUntilClose()).length).toBe(0);
  });
});
