import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startNginx } from '../fixtures/proxies.ts';
import { withClient, withNodeServer } from '../fixtures/servers.ts';

describe('nginx as the origin', () => {
  it('sends pages, compressed and not, ranges, validators and redirects [HC-03] [CU-03] [CU-04] [SH-07]', () =>
    withNodeServer(
      (_, response) => response.end('elsewhere'),
      async ({ url: elsewhere }) => {
        await using nginx = await startNginx(elsewhere);
        const url = `http://${nginx.name}`;
        await withClient({}, async (client) => {
          const page = await client.fetch(`${url}/page`);
          expect(page.body).toHaveLength(100_000);
          expect(page.headers.get('Content-Encoding')).toBe('gzip');
          const plain = await client.fetch(`${url}/page`, { decompressResponse: false });
          expect(plain.headers.has('Content-Encoding')).toBe(false);
          expect(plain.text()).toBe(page.text());
          const range = await client.fetch(`${url}/page`, { headers: { Range: 'bytes=6-10' } });
          expect([range.status, range.text()]).toEqual([206, 'nginx']);
          const ifModifiedSince = new Date(page.headers.get('Last-Modified') ?? '');
          expect((await client.fetch(`${url}/page`, { ifModifiedSince, raiseError: false })).status).toBe(
            304,
          );
          expect((await client.fetch(`${url}/away`)).text()).toBe('elsewhere');
          const missing = client.fetch(`${url}/missing`);
          await expect(missing).rejects.toMatchObject({ code: 'ERR_HTTPCLIENT_STATUS', status: 404 });
          const many = await Promise.all(Array.from({ length: 40 }, () => client.fetch(`${url}/page`)));
          expect(many.every(({ body }) => body.length === 100_000)).toBe(true);
          expect(client.stats()).toMatchObject({ queued: 0, failures: 0 });
          const folder = mkdtempSync(join(tmpdir(), 'landspout-page-'));
          try {
            const file = join(folder, 'page');
            expect(await (await client.stream(`${url}/page`)).saveTo(file)).toBe(100_000);
            expect(readFileSync(file, 'utf8')).toBe(page.text());
          } finally {
            rmSync(folder, { recursive: true });
          }
        });
      },
    ));
});
