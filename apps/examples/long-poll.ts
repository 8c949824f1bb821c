// A chat by long polling: GET /messages responds when there is a new message, or after 25 s. Each POST adds one.
// Run: node long-poll.ts [port], then curl 'http://127.0.0.1:8888/messages?after=0' and curl -d hello http://127.0.0.1:8888/messages
import { Application, Condition, HTTPError, RequestHandler } from 'landspout';

const MAX_KEPT = 100;
const POLL_MS = 25_000;

/** The last messages. `count` is how many there have been, so a client asks for those after the count that it knows. */
const recent: string[] = [];
let count = 0;
const arrived = new Condition();

class Messages extends RequestHandler {
  override async get(): Promise<void> {
    const after = Number(this.getQueryArgument('after', '0'));
    if (!Number.isSafeInteger(after) || after < 0) throw new HTTPError(400);
    if (after >= count) {
      // If the client leaves, the signal aborts and the wait rejects: no waiter stays behind.
      await arrived.wait({ timeoutMs: POLL_MS, signal: this.signal });
    }
    this.write({ messages: after < count ? recent.slice(after - count) : [], count });
  }

  override post(): void {
    recent.push(Buffer.from(this.request.body).toString());
    if (recent.length > MAX_KEPT) recent.shift();
    count += 1;
    arrived.notifyAll();
    this.write({ count });
  }
}

const port = process.argv[2] ?? process.env.PORT ?? 8888;
const app = new Application([['/messages', Messages]]);
const server = await app.listen({ port, host: '127.0.0.1', maxBodyBytes: 4 * 1024 });
console.log(`listening on ${server.url}/messages`);
