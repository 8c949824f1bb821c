// Answers clients of the AI SDK, such as `useChat` with `resume: true`, in its UI message stream protocol. Each answer
// (here made up) is a run in a journal: `resumeStream()` shows all of it after a reload, or after the server was killed.
// Run: node ai-chat.ts [port] [folder of the journal], and let the page use `api: '/api/chat'`.
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
  Topics,
} from 'landspout';

const [, , port = process.env.PORT ?? 8888, folder = 'ai-chat-journal'] = process.argv;
/** The names of users and chats. */
const NAME = /^[\w-]{1,64}$/;
const TOKEN_MS = Number(process.env.TOKEN_MS ?? 100);

/** Parts of a message, as far as this program needs them; see `UIMessageChunk` of the AI SDK. */
type Chunk = {
  readonly type: string;
  readonly id?: string;
  readonly delta?: string;
  readonly messageId?: string;
};
/** A part of a message of the user. */
type Part = { readonly type: string; readonly text?: unknown } | null;
/** A chunk, or text of the event stream, which is sent as it is. */
type Token = Chunk | 'data: [DONE]\n\n';

/** Stands for `streamText({ model, … }).toUIMessageStream()`. */
function* tokensFor(messageId: string, question: string): Generator<Token> {
  yield { type: 'start', messageId };
  yield { type: 'text-start', id: 'text' };
  yield { type: 'text-delta', id: 'text', delta: `You ask: ${question}\n` };
  for (let count = 1; count <= 200; count += 1) {
    yield { type: 'text-delta', id: 'text', delta: `${count === 1 ? '' : ', '}word ${count}` };
  }
  yield { type: 'text-end', id: 'text' };
  yield { type: 'finish' };
  yield 'data: [DONE]\n\n';
}

/** Writes an answer, from where the process before has stopped if there was one. */
async function answer(run: Run<Token>): Promise<void> {
  const { messageId, question } = run.input as { messageId: string; question: string };
  for (const token of [...tokensFor(messageId, question)].slice(await countWritten(run))) {
    await sleep(TOKEN_MS, { signal: run.signal });
    await run.write(token);
  }
}

/** Counts what the run has up to the position at which this process begins to write. */
async function countWritten({ id, cursor }: Run<Token>): Promise<number> {
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
const topics = new Topics({ backplane });
const runs = new Runs({ backplane, onInterrupted: () => answer, maxAttempts: 100 });

/** A browser is recognized by a random cookie, with which the names of its chats and runs begin. */
abstract class ChatHandler<Pattern extends string = string> extends RequestHandler<Pattern> {
  get user(): string {
    const user = this.getCookie('user');
    if (user === undefined || !NAME.test(user)) throw new HTTPError(403);
    return user;
  }

  /** Sends the run from its start, or from the position in `Last-Event-ID`. */
  send(run: string): Promise<void> {
    return this.eventStream(runs.reader(run), {
      action: 'read',
      topic: run,
      authorize: ({ topic, handler }) => topic.startsWith(`${handler.user}/`),
      passThrough: true,
      headers: { 'x-vercel-ai-ui-message-stream': 'v1' },
    });
  }

  /** The run of the last answer in a chat, if there is one, and it is still kept. */
  async lastRun(chat: string): Promise<string | undefined> {
    if (!NAME.test(chat)) return undefined;
    const log = { kind: 'topic', name: `${this.user}/${chat}` } as const;
    const { records } = await backplane.read(log, { last: 1 }, { maxRecords: 1, maxBytes: 1024 });
    try {
      return records[0] && (await runs.info(records[0].data as string)).id;
    } catch (error) {
      if (error instanceof RunError) return undefined;
      throw error;
    }
  }
}

class Page extends ChatHandler {
  override get(): void {
    if (this.getCookie('user') === undefined) this.setCookie('user', randomUUID(), { httpOnly: true });
    this.write('A page with useChat() belongs here.');
  }
}

/** Returns the id of the chat, and the text of its last message. */
function parseMessages(body: unknown): { readonly id: string; readonly question: string } {
  const { id, messages } = (body ?? {}) as { id?: unknown; messages?: { parts?: Part[] }[] };
  const parts = Array.isArray(messages) ? messages.at(-1)?.parts : undefined;
  const text = Array.isArray(parts) ? parts.find((part) => part?.type === 'text')?.text : undefined;
  if (typeof id === 'string' && NAME.test(id) && typeof text === 'string') return { id, question: text };
  throw new HTTPError(400);
}

class Chat extends ChatHandler {
  override async post(): Promise<void> {
    const { id, question } = parseMessages(this.getJsonBody());
    const messageId = randomUUID();
    const run = `${this.user}/${id}/${messageId}`;
    await runs.start(run, { owner: this.user, input: { messageId, question } }, answer);
    await topics.topic(`${this.user}/${id}`).publish(run);
    await this.send(run);
  }
}

/** What `resumeStream()` requests. */
class Stream extends ChatHandler<'/api/chat/:id/stream'> {
  override async get(): Promise<void> {
    const run = await this.lastRun(this.pathParams.id);
    if (run === undefined) this.setStatus(204);
    else await this.send(run);
  }
}

/** `stop()` of the SDK only closes the connection. A page that wants to end the answer calls this too. */
class Stop extends ChatHandler<'/api/chat/:id'> {
  override async delete(): Promise<void> {
    const run = await this.lastRun(this.pathParams.id);
    if (run === undefined) throw new HTTPError(404);
    this.write(await runs.cancel(run));
  }
}

const app = new Application([
  ['/', Page],
  ['/api/chat', Chat],
  ['/api/chat/:id', Stop],
  ['/api/chat/:id/stream', Stream],
]);
const server = await app.listen({ port, host: '127.0.0.1' });
const { stopped } = server.stopOnSignals();
console.log(`listening on ${server.url}`);

await stopped;
await backplane.close(); // runs that are not finished go on in the next process
