import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startRedis } from '../support/redis-server.ts';
import { atTheEnd, freePort, removeFolder, scratchFolder } from '../support/scratch.ts';
import { APPEND, eventsOf, messagesOf, openTestLink } from '../support/test-link.ts';

/** Makes a certificate for 127.0.0.1. */
function makeCertificate() {
  const folder = scratchFolder();
  atTheEnd(() => removeFolder(folder));
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  execFileSync(
    'openssl',
    [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ],
      ...[
        '-subj',
        '/CN=redis',
        '-addext',
        'subjectAltName=IP:127.0.0.1',
        '-keyout',
        key,
        '-out',
        certificate,
      ],
    ],
    { stdio: 'ignore' },
  );
  return { key, certificate };
}

describe('a link over TLS', () => {
  it('connects to a server whose certificate is trusted, and to no other', async () => {
    const { key, certificate } = makeCertificate();
    let url = '';
    const redis = await startRedis(async () => {
      const tlsPort = await freePort();
      url = `rediss://127.0.0.1:${tlsPort}`;
      const files = [
        `tls-cert-file ${certificate}`,
        `tls-key-file ${key}`,
        `tls-ca-cert-file ${certificate}`,
      ];
      return { config: [`tls-port ${tlsPort}`, 'tls-auth-clients no', ...files] };
    });
    const link = await openTestLink({
      client: { url, socket: { tls: true, ca: readFileSync(certificate) } },
    });
    expect(await link.run(APPEND, ['{a}'], ['1'])).toBe(1);
    const [events, heard] = [eventsOf(link), await messagesOf(link, '{a}')];
    await redis.restart();
    await expect.poll(() => events).toEqual(['lost', 'restored']);
    await redis.command('PUBLISH', '{a}', 'x');
    await expect.poll(() => heard).toEqual(['x']);
    await expect(openTestLink({ url })).rejects.toMatchObject({
      code: 'ERR_TOPICS_REDIS_CONNECT',
      message: expect.stringContaining('self-signed certificate'),
    });
  });
});
