// An echo server on HTTP, without routes or handlers: each body is sent back with its content type.
// Run: node echo-http.ts [port], then curl -d hello http://127.0.0.1:8888
import { HTTPServer } from 'landspout';

const server = new HTTPServer(
  (request) => {
    if (request.method !== 'POST') return request.respond(405, 'POST something\n', { Allow: 'POST' });
    const type = request.headers.get('Content-Type') ?? 'application/octet-stream';
    request.respond(200, request.body, { 'Content-Type': type });
  },
  { maxBodyBytes: 1024 * 1024 },
);

const port = process.argv[2] ?? process.env.PORT ?? 8888;
await server.listen({ port, host: '127.0.0.1' });
console.log(`listening on ${server.url}`);
