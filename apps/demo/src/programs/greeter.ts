// A small server in a thread of its own: the selector program blocks its thread, which could not serve requests.
import { parentPort } from 'node:worker_threads';
import { HTTPServer } from 'landspout';

const server = new HTTPServer((request) => request.respond(200, 'Hello from a landspout!\n'));
await server.listen({ port: 0, host: '127.0.0.1' });
parentPort?.postMessage(server.url);
