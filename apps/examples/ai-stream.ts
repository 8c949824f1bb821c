// Streams long answers, like those of a language model, to pages. Each answer is a run, which does not belong to a
// request: it goes on when the page is reloaded or left and, because the run is in a journal, when the server is killed
// and started again.
// Run: node ai-stream.ts [port] [folder of the journal], then open the URL that it prints.
import { randomUUID } from 'node:crypto';
import {
  Application,
  HTTPError,
  JournalBackplane,
  RequestHandler,
  type Run,
  RunError,
  Runs,
  sleep,
} from 'landspout';

const [, , port = process.env.PORT ?? 8888, folder = 'ai-stream-journal'] = process.argv;
const TOKEN_MS = Number(process.env.TOKEN_MS ?? 100);

const page = (token: string): string => `<!DOCTYPE html>
<html lang="en"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<title>Answers</title><link rel="icon" href="data:,">
<style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:8vh auto;padding:0 1rem;overflow-wrap:anywhere}
form{display:flex;gap:.5rem}form *{font:inherit;min-width:0}input{flex:1}pre{font:inherit;white-space:pre-wrap}</style>
<form><input aria-label="Question" placeholder="Ask something" maxlength="200" required autofocus>
<button>Ask</button><button type="button" disabled>Stop</button></form>
<pre></pre><output></output>
<script type="module">
  const [form, pre, output] = document.querySelectorAll('form, pre, output');
  const [input, , stop] = form.elements;
  const send = (method, path, body) => fetch(path, { method, headers: { 'X-XSRFToken': '${token}' }, body });
  let source;
  const read = (id) => {
    source?.close();
    pre.textContent = output.textContent = '';
    stop.disabled = false;
    source = new EventSource('/answers/' + id); // connects again by itself, with the id of the last event
    source.onmessage = ({ data }) => pre.append(JSON.parse(data));
    source.addEventListener('end', ({ data }) => {
      source.close();
      stop.disabled = true;
      output.textContent = JSON.parse(data).how;
    });
  };
  form.onsubmit = async (event) => {
    event.preventDefault();
    const response = await send('POST', '/answers', JSON.stringify({ question: input.value }));
    location.hash = (await response.json()).id; // what a reload or another tab reads
  };
  stop.onclick = () => send('DELETE', '/answers/' + location.hash.slice(1));
  onhashchange = () => read(location.hash.slice(1));
  if (location.hash !== '') onhashchange();
</script>
`;

/** Stands for a language model. */
function* tokensFor(question: string): Generator<string> {
  yield `You ask: ${question}\n`;
  for (let count = 1; count <= 200; count += 1) yield `${count === 1 ? '' : ', '}word ${count}`;
}

/** Writes an answer, from where the process before has stopped if there was one. */
async function answer(run: Run<string>): Promise<void> {
  const { question } = run.input as { question: string };
  const tokens = [...tokensFor(question)].slice(await countWritten(run));
  for (const token of tokens) {
    await sleep(TOKEN_MS, { signal: run.signal });
    await run.write(token);
  }
}

/** Counts what the run has up to the position at which this process begins to write. */
async function countWritten({ id, cursor }: Run<string>): Promise<number> {
  let count = 0;
  const log = await runs.read(id);
  if (log.cursor === cursor) return 0;
  for await (const record of log.records()) {
    count += 1;
    if (record.cursor === cursor) break;
  }
  return count;
}

const backplane = await JournalBackplane.open({ folder });
const runs = new Runs({ backplane, onInterrupted: () => answer, maxAttempts: 100 });

/** A browser is recognized by a random cookie. The ids of its runs begin with it. */
abstract class AnswerHandler<Pattern extends string = string> extends RequestHandler<Pattern> {
  get user(): string {
    const user = this.getCookie('user');
    if (user === undefined || !/^[\w-]{1,64}$/.test(user)) throw new HTTPError(403);
    return user;
  }
}

class Page extends AnswerHandler {
  override get(): void {
    if (this.getCookie('user') === undefined) this.setCookie('user', randomUUID(), { httpOnly: true });
    this.write(page(this.xsrfToken));
  }
}

class Answers extends AnswerHandler {
  override async post(): Promise<void> {
    const body = this.getJsonBody() as { readonly question?: unknown } | null;
    const input = { question: String(body?.question).slice(0, 200) };
    const id = randomUUID();
    await runs.start(`${this.user}/${id}`, { owner: this.user, input }, answer);
    this.write({ id });
  }
}

class Answer extends AnswerHandler<'/answers/:id'> {
  get run(): string {
    return `${this.user}/${this.pathParams.id}`;
  }

  override get(): Promise<void> {
    return this.eventStream(runs.reader(this.run), {
      action: 'read',
      topic: this.run,
      authorize: ({ topic, handler }) => topic.startsWith(`${handler.user}/`),
    });
  }

  override async delete(): Promise<void> {
    try {
      this.write(await runs.cancel(this.run));
    } catch (error) {
      throw error instanceof RunError ? new HTTPError(404) : error;
    }
  }
}

const routes = [
  ['/', Page],
  ['/answers', Answers],
  ['/answers/:id', Answer],
] as const;
const app = new Application(routes, { xsrfCookies: true });
const server = await app.listen({ port, host: '127.0.0.1' });
const { stopped } = server.stopOnSignals();
console.log(`listening on ${server.url}`);

await stopped;
await backplane.close(); // runs that are not finished go on in the next process
