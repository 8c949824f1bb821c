import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { unregister } from './fixtures/tracing.ts';

const PAGE = new URL('../../../../docs/tracing.md', import.meta.url);
const TRACE = '0af7651916cd43dd8448eb211c80319c';

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

afterEach(() => {
  vi.restoreAllMocks();
  unregister();
});

describe('the program of docs/tracing.md', () => {
  it('prints one trace of a request, its fetch, and the request that this sends', async () => {
    const [, source] = /^```ts\n(.*?)^```$/ms.exec(readFileSync(PAGE, 'utf8')) ?? [];
    const port = await freePort();
    // In this folder, so that it finds the packages.
    const folder = mkdtempSync(new URL('.page-', import.meta.url).pathname);
    const printed: { traceId: string; name: string; parentSpanContext?: object }[] = [];
    vi.spyOn(console, 'dir').mockImplementation((span) => void printed.push(span));
    vi.spyOn(console, 'info').mockImplementation(() => {});
    try {
      writeFileSync(`${folder}/program.ts`, String(source).replaceAll('8888', String(port)));
      const program: Promise<unknown> = import(/* @vite-ignore */ `${folder}/program.ts`);
      const headers = { traceparent: `00-${TRACE}-b7ad6b7169203331-01` };
      const response = await vi.waitFor(() => fetch(`http://localhost:${port}/weather/oslo`, { headers }), {
        timeout: 20_000,
      });
      expect(await response.json()).toEqual({ forecast: `rain, said the trace ${TRACE}` });
      process.emit('SIGTERM', 'SIGTERM');
      await program;
    } finally {
      rmSync(folder, { recursive: true });
    }
    expect(printed.map(({ name }) => name)).toEqual(['GET /forecast/:city', 'GET', 'GET /weather/:city']);
    expect(new Set(printed.map(({ traceId }) => traceId))).toEqual(new Set([TRACE]));
  });
});
