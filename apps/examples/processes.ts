// A server in several processes that share one port. The parent restarts children that exit unexpectedly, and stops all
// of them on SIGTERM.
// Run: node processes.ts [port] [processes], then curl http://127.0.0.1:8888 a few times.
import { HTTPServer } from 'landspout';

const [, , port = process.env.PORT ?? 8888, processes = 4] = process.argv;

const server = new HTTPServer((request) => request.respond(200, `hello from process ${process.pid}\n`));

// Each child runs this program again from its first line. Only children continue after this call.
const task = await server.start({ port, host: '127.0.0.1', processes: Number(processes) });
console.log(`process ${process.pid}, task ${task?.id ?? 0}, is listening on ${server.url}`);
