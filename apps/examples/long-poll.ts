// A chat that uses long polling, with its page: GET /messages responds when there is a new message, or after 25 s. Each
// POST adds a message, and requires the XSRF token of the page.
// Run: node long-poll.ts [port], then open the URL that it prints in two tabs.
import { Application, Condition, HTTPError, RequestHandler } from 'landspout';

const MAX_KEPT = 100;
const POLL_MS = 25_000;

const page = (token: string): string => `<!DOCTYPE html>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><title>Chat</title>
<style>* { font: 1rem/1.5 system-ui, sans-serif } pre { white-space: pre-wrap; overflow-wrap: anywhere }</style>
<form><input type="hidden" name="_xsrf" value="${token}">
<input name="text" placeholder="Say something" maxlength="500" required autofocus> <button>Send</button></form>
<pre></pre>
<script type="module">
  const form = document.querySelector('form');
  const log = document.querySelector('pre');
  form.onsubmit = async (event) => {
    event.preventDefault();
    const response = await fetch('/messages', { method: 'POST', body: new URLSearchParams(new FormData(form)) });
    if (response.ok) form.reset();
  };
  for (let after = 0; ; ) {
    try {
      const { messages, count } = await (await fetch('/messages?after=' + after)).json();
      for (const text of messages) log.prepend(text + '\\n');
      after = count;
    } catch { // the server cannot be reached: try again
      await new Promise((resolve) => setTimeout(resolve, 2_000));
    }
  }
</script>
`;

class Page extends RequestHandler {
  override get(): void {
    this.write(page(this.xsrfToken));
  }
}

/**
 * The last messages. `count` is the number of messages so far; a client asks for those after the last count it
 * received.
 */
const recent: string[] = [];
let count = 0;
const arrived = new Condition();

class Messages extends RequestHandler {
  override async get(): Promise<void> {
    const after = Number(this.getQueryArgument('after', '0'));
    if (!Number.isSafeInteger(after) || after < 0) throw new HTTPError(400);
    // If the client disconnects, the signal aborts and the wait rejects, so no waiter is left over.
    if (after === count) await arrived.wait({ timeoutMs: POLL_MS, signal: this.signal });
    // A client whose count is higher than ours got it from an earlier run of this server.
    const missed = after > count ? count : count - after;
    this.write({ messages: recent.slice(Math.max(0, recent.length - missed)), count });
  }

  override post(): void {
    recent.push(this.getBodyArgument('text'));
    if (recent.length > MAX_KEPT) recent.shift();
    count += 1;
    arrived.notifyAll();
    this.write({ count });
  }
}

const port = process.argv[2] ?? process.env.PORT ?? 8888;
const routes = [
  ['/', Page],
  ['/messages', Messages],
] as const;
const app = new Application(routes, { xsrfCookies: true });
const server = await app.listen({ port, host: '127.0.0.1', maxBodyBytes: 4 * 1024 });
console.log(`listening on ${server.url}`);
