// Sends files to file-receiver.ts, reading them from the disk while they are sent: each with a PUT, or all in one form.
// Run: node file-sender.ts [--form] http://127.0.0.1:8888 FILE ...
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import path from 'node:path';
import { AsyncHTTPClient } from 'landspout';

/** A multipart/form-data body (RFC 7578). */
async function* form(files: readonly string[], boundary: string): AsyncGenerator<Uint8Array> {
  for (const file of files) {
    const filename = path.basename(file).replace(/["\r\n]/g, encodeURIComponent);
    const disposition = `Content-Disposition: form-data; name="file"; filename="${filename}"`;
    yield Buffer.from(`--${boundary}\r\n${disposition}\r\nContent-Type: application/octet-stream\r\n\r\n`);
    yield* createReadStream(file);
    yield Buffer.from('\r\n');
  }
  yield Buffer.from(`--${boundary}--\r\n`);
}

const args = process.argv.slice(2);
const isForm = args[0] === '--form';
const [url, ...files] = isForm ? args.slice(1) : args;
const client = new AsyncHTTPClient({ defaults: { requestTimeoutMs: 3_600_000 } });
if (isForm) {
  const boundary = randomUUID();
  const headers = { 'Content-Type': `multipart/form-data; boundary=${boundary}` };
  const response = await client.fetch(`${url}/form`, {
    method: 'POST',
    headers,
    body: form(files, boundary),
  });
  console.log(response.text());
} else {
  for (const file of files) {
    const target = `${url}/files/${encodeURIComponent(path.basename(file))}`;
    const response = await client.fetch(target, { method: 'PUT', body: createReadStream(file) });
    console.log(response.text());
  }
}
await client.close();
