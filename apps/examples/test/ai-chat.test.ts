import { AbstractChat, type ChatState, type ChatStatus, DefaultChatTransport, type UIMessage } from 'ai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RestartedProgram } from './restarted-program.ts';

/** A process that is to be killed cannot complete its answers by then; one that is to complete them is fast. */
const SLOW = { TOKEN_MS: '200' };
const FAST = { TOKEN_MS: '1' };

const words = Array.from({ length: 200 }, (_, index) => `word ${index + 1}`);
const WHOLE = `You ask: Why?\n${words.join(', ')}`;

/** What a page keeps for `useChat`, without React. */
class PageState implements ChatState<UIMessage> {
  status: ChatStatus = 'ready';
  error: Error | undefined;
  messages: UIMessage[];
  changed: () => void = () => {};

  constructor(messages: UIMessage[]) {
    this.messages = messages;
  }

  pushMessage(message: UIMessage): void {
    this.messages = [...this.messages, message];
    this.changed();
  }

  popMessage(): void {
    this.messages = this.messages.slice(0, -1);
  }

  replaceMessage(index: number, message: UIMessage): void {
    this.messages = this.messages.with(index, message);
    this.changed();
  }

  snapshot<Value>(value: Value): Value {
    return structuredClone(value);
  }
}

/** The chat of the AI SDK with its transport, both unmodified. */
class PageChat extends AbstractChat<UIMessage> {
  readonly page: PageState;

  constructor(url: string, cookie: string, messages: UIMessage[] = []) {
    const page = new PageState(messages);
    const transport = new DefaultChatTransport({ api: `${url}/api/chat`, headers: { Cookie: cookie } });
    super({ id: 'chat', transport, state: page });
    this.page = page;
  }

  get texts(): string[] {
    const text = ({ parts }: UIMessage): string =>
      parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
    return this.messages.map((message) => `${message.role}: ${text(message)}`);
  }

  /** Resolves when the last message contains a text. */
  shows(text: string): Promise<void> {
    return new Promise((resolve) => {
      this.page.changed = () => {
        if (this.texts.at(-1)?.includes(text)) resolve();
      };
    });
  }
}

describe('the example ai-chat', () => {
  let program: RestartedProgram;
  let cookie: string;

  beforeEach(async () => {
    program = new RestartedProgram('ai-chat.js');
    await program.start(SLOW);
    const [line = ''] = (await fetch(program.url)).headers.getSetCookie();
    [cookie = ''] = line.split(';');
  });
  afterEach(() => program[Symbol.asyncDispose]());

  it('is read by the AI SDK, which resumes an answer after the server was killed', async () => {
    const chat = new PageChat(program.url, cookie);
    const sent = chat.sendMessage({ text: 'Why?' });
    await chat.shows('word 2');
    await program.kill();
    await sent; // the SDK notes the error in its status
    await program.start(FAST);
    await chat.resumeStream();
    expect(chat.texts).toEqual(['user: Why?', `assistant: ${WHOLE}`]);
    expect(chat.status).toBe('ready');
  });

  it('shows the answer to a page that was reloaded during and after it', async () => {
    const before = new PageChat(program.url, cookie);
    void before.sendMessage({ text: 'Why?' });
    await before.shows('word 1');
    const [question] = before.messages as [UIMessage];
    const during = new PageChat(program.url, cookie, [question]);
    void during.resumeStream();
    await during.shows('word 2');
    await program.kill();
    await program.start(FAST);
    const after = new PageChat(program.url, cookie, [question]);
    for (let times = 1; times <= 2; times += 1) {
      await after.resumeStream();
      expect(after.texts).toEqual(['user: Why?', `assistant: ${WHOLE}`]);
    }
  });

  it('resumes nothing in a chat of somebody else, or without answers', async () => {
    const chat = new PageChat(program.url, cookie);
    const sent = chat.sendMessage({ text: 'Why?' });
    await chat.shows('word 1');
    const other = new PageChat(program.url, 'user=other');
    await other.resumeStream();
    expect([other.status, other.texts]).toEqual(['ready', []]);
    await chat.stop();
    await sent;
    const stopped = await fetch(`${program.url}/api/chat/chat`, {
      method: 'DELETE',
      headers: { Cookie: cookie },
    });
    expect(await stopped.json()).toEqual({ how: 'running' });
  });
}, 60_000);
