import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { Program } from './fixtures/program.ts';
import { TestServer } from './fixtures/servers.ts';

const MIB = 1024 * 1024;
const LARGE_BYTES = 256 * MIB;

/** Sends bytes as fast as the client takes them. `sentBytes` counts them. */
class Torrent {
  sentBytes = 0;

  async send(response: ServerResponse, bodyBytes: number): Promise<void> {
    response.writeHead(200, { 'Content-Length': bodyBytes });
    // It fails if the client leaves.
    await pipeline(() => this.#chunks(bodyBytes), response).catch(() => {});
  }

  *#chunks(bodyBytes: number): Generator<Uint8Array> {
    const chunk = Buffer.alloc(64 * 1024, 'x');
    for (; this.sentBytes < bodyBytes; this.sentBytes += chunk.length) yield chunk;
  }

  /** Waits until the client takes no more. */
  async stalled(): Promise<void> {
    let before = -1;
    for (let quiet = 0; quiet < 20; quiet = this.sentBytes === before && before > 0 ? quiet + 1 : 0) {
      before = this.sentBytes;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Waits for a condition, checking it in every loop iteration. The timeout of the test ends it. */
async function waitUntil(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('landspout fetch', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'removes the unfinished file after %s, and ends by it [HC-07]',
    async (name) => {
      const folder = mkdtempSync(join(tmpdir(), 'landspout-cli-'));
      try {
        await using server = await TestServer.start((_, response) => {
          response.writeHead(200, { 'Content-Length': 100 }).write('only a part');
        });
        await using program = new Program(['fetch', '-o', join(folder, 'page'), server.url]);
        await waitUntil(() => readdirSync(folder).length > 0);
        expect(await program.signal(name)).toEqual({ code: null, signal: name, stdout: '', stderr: '' });
        expect(readdirSync(folder)).toEqual([]);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );

  it('does not read faster than its output is read, and a signal ends it meanwhile [HC-07]', async () => {
    const torrent = new Torrent();
    await using server = await TestServer.start((_, response) => void torrent.send(response, LARGE_BYTES));
    await using program = new Program(['fetch', server.url]);
    program.child.stdout?.pause();
    await torrent.stalled();
    expect(torrent.sentBytes).toBeLessThan(LARGE_BYTES / 2);
    const status = readFileSync(`/proc/${program.child.pid}/status`, 'utf8');
    expect(Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1])).toBeLessThan(LARGE_BYTES / 1024);
    program.child.kill('SIGINT');
    const [, signal] = await once(program.child, 'exit');
    expect(signal).toBe('SIGINT');
    program.child.stdout?.resume();
  });

  it('ends quietly if its output is not wanted any more [HC-07]', async () => {
    await using server = await TestServer.start(
      (_, response) => void new Torrent().send(response, LARGE_BYTES),
    );
    await using program = new Program(['fetch', server.url]);
    const { stdout } = program.child;
    await once(stdout as NodeJS.ReadableStream, 'data');
    stdout?.destroy();
    expect(await program.ending()).toMatchObject({ code: 0, signal: null, stderr: '' });
  });
});
