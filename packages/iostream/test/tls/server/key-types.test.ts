import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IOStream, startTls, TCPClient, TlsServerContext } from '../../../src/index.ts';
import { memoryPair } from '../../../src/transports/index.ts';
import {
  type Authority,
  type IssuedCertificate,
  type KeyKind,
  makeAuthority,
} from '../../support/certificates.ts';
import { itNatively, itOnNode } from '../../support/native-case.ts';
import { runSClient } from '../../support/openssl-peer.ts';
import { echoOf, echoServer, host, watchedLoop } from '../../support/tls-fixture.ts';

const KINDS: readonly KeyKind[] = ['ec', 'rsa', 'ed25519'];

let authority: Authority;
const issued = new Map<KeyKind, IssuedCertificate>();
beforeAll(() => {
  authority = makeAuthority();
  for (const kind of KINDS) issued.set(kind, authority.issue(kind, 'DNS:localhost', kind));
});
afterAll(() => authority.remove());

const files = (kind: KeyKind) => {
  const { certFile, keyFile } = issued.get(kind) as IssuedCertificate;
  return { certFile, keyFile };
};
const several = () => ({ certificates: KINDS.map(files) });

/** The kinds of signature that a client accepts. */
const SIGNATURES: readonly [KeyKind, string][] = [
  ['ec', 'ECDSA+SHA256'],
  ['rsa', 'RSA-PSS+SHA256'],
  ['ed25519', 'ed25519'],
];

describe('TCPServer and the types of keys', () => {
  it.each(
    KINDS.flatMap((kind) => (['TLSv1.2', 'TLSv1.3'] as const).map((version) => [kind, version] as const)),
  )('serves with a key of type %s over %s [NET-06]', async (kind, version) => {
    const { server, seen } = await echoServer({ ...files(kind), maxVersion: version });
    await using _ = server;
    const tls = { servername: 'localhost', caFile: authority.certFile };
    await using stream = await new TCPClient().connect({ host, port: server.port, tls });
    expect(await echoOf(stream)).toBe('hello\n');
    expect(stream.tls?.getPeerCertificate()?.subject.CN).toBe(kind);
    expect(seen).toMatchObject([{ protocol: version }]);
  });

  it('takes a key that is encrypted [NET-06]', async () => {
    const { keyFile, certFile } = files('ec');
    const key = createPrivateKey(readFileSync(keyFile)).export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'a secret',
    });
    const { server } = await echoServer({ certFile, key, passphrase: 'a secret' });
    await using _ = server;
    expect((await runSClient(server.port, [])).output).toContain('an echo\n');
    expect(() => new TlsServerContext({ certFile, key, passphrase: 'another' })).toThrow(
      expect.objectContaining({ code: 'ERR_STREAM_TLS' }),
    );
  });
});

describe('TCPServer with certificates of several types for one name', () => {
  itNatively.each(SIGNATURES)(
    'shows the one of type %s to a client that accepts %s [NET-06]',
    async (kind, signature) => {
      const { server } = await echoServer(several());
      await using _ = server;
      for (const name of ['-noservername', '-servername=localhost']) {
        for (const version of ['-tls1_2', '-tls1_3']) {
          const { output } = await runSClient(server.port, [
            version,
            ...name.split('='),
            '-sigalgs',
            signature,
          ]);
          expect(output).toContain(`subject=CN = ${kind}`);
          expect(output).toContain('an echo\n');
        }
      }
    },
  );

  itNatively(
    'shows the first with the name, and not one of another type with another name [NET-06]',
    async () => {
      const { certFile, keyFile } = authority.issue('other', 'DNS:other.example', 'rsa');
      const { loop } = watchedLoop();
      const certificates = [files('ec'), { certFile, keyFile }];
      const { server } = await echoServer({ certificates }, { loop });
      await using _ = server;
      const accepting = ['-sigalgs', 'RSA-PSS+SHA256'];
      const refused = await runSClient(server.port, ['-servername', 'localhost', ...accepting]);
      expect(refused.status).not.toBe(0);
      const { output } = await runSClient(server.port, ['-servername', 'other.example', ...accepting]);
      expect(output).toContain('subject=CN = other');
    },
  );

  itNatively('fails on a connection that is no descriptor, and says why [NET-06] [STR-14]', async () => {
    const [one, other] = memoryPair();
    await using peer = new IOStream(one);
    const tls = new TlsServerContext(several());
    await expect(startTls(new IOStream(other), { server: true, tls })).rejects.toMatchObject({
      code: 'ERR_STREAM_TLS',
      message: expect.stringContaining('on node:tls, all certificates must have the same type of key'),
    });
    expect((await peer.readUntilClose()).length).toBe(0);
    expect(tls.handshakes).toBe(0);
  });
});

describe('certificates of several types on node:tls', () => {
  itOnNode('are refused by startTls, which leaves the stream as it was [NET-06] [STR-14]', async () => {
    const [one, other] = memoryPair();
    await using peer = new IOStream(one);
    await using stream = new IOStream(other);
    await expect(startTls(stream, { server: true, tls: several() })).rejects.toMatchObject({
      code: 'ERR_STREAM_USAGE',
    });
    void peer.write('still here\n');
    expect((await stream.readUntil('\n')).toString()).toBe('still here\n');
  });

  itOnNode('are refused by a reload, which keeps the old one [NET-06]', async () => {
    const { server } = await echoServer(files('ec'));
    await using _ = server;
    expect(() => server.reloadTls(several())).toThrow(expect.objectContaining({ code: 'ERR_STREAM_USAGE' }));
    expect((await runSClient(server.port, [])).output).toContain('subject=CN = ec');
  });
});
