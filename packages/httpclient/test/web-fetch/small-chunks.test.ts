import type { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { onHead, withClient, withRawServer } from '../fixtures/servers.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** One object for each byte would take more than 20 MB. */
const BYTES = 200_000;
const MAX_GROWTH = 4_000_000;
const CHUNK = '1\r\nx\r\n';
const CHUNKS_PER_WRITE = 10_000;

function heapBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Responds with a body in chunks of one byte, whose end is not sent. */
function drip(socket: Socket): void {
  const bytes = Buffer.from(CHUNK.repeat(CHUNKS_PER_WRITE));
  let sent = 0;
  const write = (): void => {
    if (sent === BYTES) return;
    sent += CHUNKS_PER_WRITE;
    socket.write(bytes, write);
  };
  onHead(socket, () => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
    write();
  });
}

/** Reads bytes of a stream whose end is not sent. */
async function readBytes(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  expectedBytes: number,
): Promise<void> {
  for (let bytes = 0; bytes < expectedBytes; ) bytes += (await reader.read()).value?.length ?? 0;
}

describe('a body in chunks of one byte', () => {
  it('takes no more than a few times its size while text() collects it from a stream', () =>
    withRawServer(drip, ({ url, sockets }) =>
      withClient({}, async (client) => {
        const response = await client.toFetch()(url);
        // Both branches of a cloned body get each chunk at once, so the second shows how far the first is.
        const reader = (response.clone().body as ReadableStream<Uint8Array>).getReader();
        const before = heapBytes();
        const text = response.text();
        await readBytes(reader, BYTES);
        await new Promise((resolve) => setImmediate(resolve));
        const growth = heapBytes() - before;
        const atEnd = reader.read();
        sockets[0]?.write('0\r\n\r\n');
        expect((await text).length).toBe(BYTES);
        expect(await atEnd).toEqual({ value: undefined, done: true });
        expect(growth).toBeLessThan(MAX_GROWTH);
      }),
    ));
});
