import { gzipSync } from 'node:zlib';

/** A response with a body of gzip, as latin1: that of a server that writes the time, or sends two chunks. */
export function compressed({ text = 'hi', level = 6, mtime = 0, isChunked = false } = {}): string {
  const body = gzipSync(text, { level });
  body.writeUInt32LE(mtime, 4);
  const sent = body.toString('latin1');
  const head = 'HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 17:55:17 GMT\r\nContent-Encoding: gzip\r\n';
  if (!isChunked) return `${head}Content-Length: ${sent.length}\r\n\r\n${sent}`;
  const chunks = [sent.slice(0, 10), sent.slice(10), ''];
  const coded = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
  return `${head}Transfer-Encoding: chunked\r\n\r\n${coded}`;
}
