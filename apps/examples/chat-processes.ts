// A chat room in several processes that share one port, with its page. The parent keeps topics and runs for its children.
// A page is reconnected when its process is killed, and misses nothing; what counts goes on in another process.
// Run: node chat-processes.ts [port] [processes], then open the URL that it prints in two tabs, and kill a child.
import { randomUUID } from 'node:crypto';
import {
  Application,
  ProcessesBackplane,
  RequestHandler,
  type Run,
  Runs,
  route,
  sleep,
  Topics,
} from 'landspout';
import { type TopicAuthorization, TopicHandler } from 'landspout/websocket/topics';

const page = (token: string): string => `<!DOCTYPE html>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<title>Chat</title><link rel="icon" href="data:,"><style>pre { white-space: pre-wrap; overflow-wrap: anywhere }</style>
<form><input aria-label="Message" maxlength="500" required autofocus> <button>Send</button>
<button type="button">Count</button></form><output></output><pre>loaded from process ${process.pid}\n</pre>
<script type="module">
  const [form, output, log] = document.querySelectorAll('form, output, pre');
  const send = (path, body) => fetch(path, { method: 'POST', body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', 'X-XSRFToken': '${token}' } });
  const room = new EventSource('/live?topic=room&last=50'); // connects again by itself, to any of the processes
  room.onmessage = ({ data }) => log.prepend(JSON.parse(data) + '\\n');
  room.addEventListener('gap', () => log.prepend('(messages are missing)\\n'));
  form.onsubmit = async (event) => {
    event.preventDefault();
    if ((await send('/live?topic=room', { data: form[0].value })).ok) form.reset();
  };
  form[2].onclick = async () => {
    const run = new EventSource('/live?run=' + (await (await send('/count')).json()).id);
    run.onmessage = ({ data }) => { output.value = JSON.parse(data); };
    run.addEventListener('end', () => run.close());
  };
</script>`;

/** Counts to 100, from where the process before has stopped. */
async function count(run: Run<string>, written = 0): Promise<void> {
  for (let number = written + 1; number <= 100; number += 1) {
    await sleep(Number(process.env.COUNT_MS ?? 200), { signal: run.signal });
    await run.write(`${number} (process ${process.pid})`);
  }
}

// All processes run the program from its first line. The handlers use topics and runs as soon as a child listens, so
// they are made above start. Those of the parent are not used.
const backplane = await ProcessesBackplane.open();
const topics = new Topics({ backplane, maxRecordBytes: 4096 });
const runs = new Runs({
  backplane,
  maxAttempts: 10,
  onInterrupted:
    ({ records }) =>
    (run) =>
      count(run, records),
});

class Page extends RequestHandler {
  override get(): void {
    this.write(page(this.xsrfToken));
  }
}

class Count extends RequestHandler {
  override async post(): Promise<void> {
    const { id } = await runs.start(randomUUID(), { owner: 'everyone' }, count);
    this.write({ id });
  }
}

class Live extends TopicHandler {
  override readonly topics = topics;
  override readonly runs = runs;
  override authorize({ action, topic }: TopicAuthorization): boolean {
    return action === 'read' || (topic === 'room' && (action === 'subscribe' || action === 'publish'));
  }
}

const [, , port = process.env.PORT ?? 8888, processes = 4] = process.argv;
const app = new Application([route('/', Page), route('/count', Count), route('/live', Live)], {
  xsrfCookies: true,
});
const server = await app.start({ port, host: '127.0.0.1', processes: Number(processes) });
console.log(`process ${process.pid} is listening on ${server.url}`);

// Only the children come here. Counting goes on in another process, if there is one that stays.
await server.stopOnSignals().stopped;
await Promise.all([topics.close(), runs.close()]);
await backplane.close();
