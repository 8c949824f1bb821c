// Uploads a file of 1 GiB to a handler that streams it to disk, and prints how much memory the server took: `pnpm
// check:upload [MiB]`, after a build. Fails if it took more than 64 MiB over what it had before, as a server would that
// collects the body. The client is a process of its own, so that its memory does not count.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MiB = 2 ** 20;
const MAX_GROWTH_BYTES = 64 * MiB;
const SAMPLE_MS = 50;

if (process.argv[2] === 'client') await upload(Number(process.argv[3]), Number(process.argv[4]));
else await serve(Number(process.argv[2] ?? 1024) * MiB);

/** @param {number} size */
async function serve(size) {
  const { Application, MultipartReader, RequestHandler, saveTo } = await import('../dist/index.js');
  const folder = mkdtempSync(join(tmpdir(), 'landspout-upload-'));
  const path = join(folder, 'file');

  class Upload extends RequestHandler {
    static streamRequestBody = true;
    /** @type {InstanceType<typeof MultipartReader>} */
    #reader;

    prepare() {
      this.exchange.setMaxBodyBytes(size + MiB);
      this.#reader = new MultipartReader(this.request.headers, {
        signal: this.signal,
        onPart: () => saveTo(path),
      });
    }

    /** @param {Uint8Array} chunk */
    dataReceived(chunk) {
      return this.#reader.write(chunk);
    }

    async post() {
      const { files } = await this.#reader.finish();
      this.write(String(files.get('file')?.[0]?.byteLength));
    }
  }

  const server = await new Application([['/', Upload]]).listen({ port: 0, host: '127.0.0.1' });
  try {
    await run(server.port, 8 * MiB); // Compiles the code, and fills the pools of buffers.
    rmSync(path);
    const before = process.memoryUsage.rss();
    let most = before;
    const sampling = setInterval(() => {
      most = Math.max(most, process.memoryUsage.rss());
    }, SAMPLE_MS);
    const start = performance.now();
    await run(server.port, size);
    clearInterval(sampling);
    const seconds = (performance.now() - start) / 1000;
    const saved = statSync(path).size;
    const growth = most - before;
    console.log(
      `${saved / MiB} MiB saved in ${seconds.toFixed(1)} s; memory grew by ${(growth / MiB).toFixed(1)} MiB` +
        ` to ${(most / MiB).toFixed(1)} MiB`,
    );
    if (saved !== size || growth > MAX_GROWTH_BYTES) process.exitCode = 1;
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true });
  }
}

/** Runs the client. @param {number} port @param {number} size */
async function run(port, size) {
  const client = spawn(
    process.execPath,
    [fileURLToPath(import.meta.url), 'client', String(port), String(size)],
    {
      stdio: 'inherit',
    },
  );
  const [code] = await once(client, 'exit');
  if (code !== 0) throw new Error(`the client failed with ${code}`);
}

/** Sends one file of `size` bytes, as fast as the server reads. @param {number} port @param {number} size */
async function upload(port, size) {
  const head = '--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n';
  const end = '\r\n--b--\r\n';
  const socket = connect(port, '127.0.0.1');
  let response = '';
  socket.setEncoding('latin1').on('data', (text) => {
    response += text;
  });
  socket.write(
    'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=b\r\n' +
      `Content-Length: ${head.length + size + end.length}\r\n\r\n${head}`,
  );
  const piece = Buffer.alloc(MiB, 'line of text\r\n--');
  for (let left = size; left > 0; left -= piece.length) {
    if (!socket.write(piece.subarray(0, left))) await once(socket, 'drain');
  }
  socket.write(end);
  await once(socket, 'close');
  if (!response.startsWith('HTTP/1.1 200 ') || !response.endsWith(String(size))) {
    console.error(response);
    process.exitCode = 1;
  }
}
