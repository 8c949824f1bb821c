// A server that completes slow requests before it stops: on SIGTERM or Ctrl-C it accepts no new connections, waits for
// the responses in progress, and then exits. Run: node graceful-stop.ts [port], curl -N its URL, press Ctrl-C.
import { Application, RequestHandler, sleep } from 'landspout';

class Slow extends RequestHandler {
  override async get(): Promise<void> {
    this.setHeader('Content-Type', 'text/plain');
    this.write('working ...\n');
    await this.flush();
    await sleep(2_000, { signal: this.signal }); // rejects if the client disconnects or the response is cut off
    this.write('done\n');
  }
}

const port = process.argv[2] ?? process.env.PORT ?? 8888;
const server = await new Application([['/', Slow]]).listen({ port, host: '127.0.0.1' });
const stop = server.stopOnSignals({ graceMs: 0, drainMs: 10_000 });
console.log(`listening on ${server.url}`);

const { finished, cut } = await stop.stopped;
console.log(`stopped: ${finished} finished, ${cut} cut`);
