import {
  type HTTPServer,
  type WebSocketClientConnection,
  WebSocketHandshakeError,
  websocketConnect,
} from 'landspout';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import createChat from '../chat/app.ts';
import type { RenderedMessage } from '../chat/room.ts';
import { silent, type Visit, Visitor } from './visitor.ts';

describe('the chat', () => {
  let server: HTTPServer;
  let ada: Visitor;

  beforeEach(async () => {
    server = await createChat({ logger: silent }).listen({ port: 0, host: '127.0.0.1' });
    ada = await joined('Ada');
  });
  afterEach(() => server.closeAll());

  const join = (visitor: Visitor, name: string): Promise<Visit> => visitor.fill('/', { name });

  async function joined(name: string): Promise<Visitor> {
    const visitor = new Visitor(server.url);
    await visitor.get('/');
    expect((await visitor.post('/join', { name })).location).toBe('/');
    return visitor;
  }

  const connect = (
    visitor: Visitor,
    headers: Record<string, string> = {},
    after = '',
  ): Promise<WebSocketClientConnection> =>
    websocketConnect(`${server.url.replace('http', 'ws')}/socket?after=${after}`, {
      headers: { Cookie: visitor.cookies, ...headers },
    });

  async function next(connection: WebSocketClientConnection): Promise<RenderedMessage[]> {
    return JSON.parse(String(await connection.readMessage())).messages;
  }

  const refusal = (attempt: Promise<unknown>): Promise<number | undefined> =>
    attempt.then(
      () => undefined,
      (error) => (error instanceof WebSocketHandshakeError ? error.status : error),
    );

  it('asks for a name, and then shows the room [RN-01]', async () => {
    const { status, text } = await new Visitor(server.url).get('/');
    expect([status, text]).toEqual([200, expect.stringContaining('<label for="name">Your name</label>')]);
    expect(text).not.toContain('<script');
    const room = await ada.get('/');
    expect(room.text).toContain('placeholder="Message as Ada"');
    expect(room.text).toMatch(/<script src="\/static\/chat\.js[^"]*" defer><\/script>/);
  });

  it('sends messages of one page to all, rendered by the server as on the page [RN-02] [TP-02] [ES-02]', async () => {
    const bo = await joined('Bo <b>');
    await using one = await connect(ada);
    await using other = await connect(bo);
    expect([await next(one), await next(other)]).toEqual([[], []]);
    await other.writeMessage('<i>hi</i> https://example.com');
    const [[first], [second]] = [await next(one), await next(other)];
    expect(second).toEqual(first);
    const { id, html } = first as RenderedMessage;
    expect(html).toMatch(
      /^<li id="m-[\w-]+" class="message" data-author="[\w-]+"><b>Bo &lt;b&gt;<\/b> <span>&lt;i&gt;hi&lt;\/i&gt; <a href="https:\/\/example\.com" rel="nofollow ugc" target="_blank">/,
    );
    expect(html).toContain(`id="${id}"`);
    expect((await ada.get('/')).text).toContain(html);
  });

  it('sends a page that connects again what it has missed', async () => {
    await using one = await connect(ada);
    await next(one);
    const sent: RenderedMessage[] = [];
    for (const text of ['one', 'two', 'three']) {
      await one.writeMessage(text);
      sent.push(...(await next(one)));
    }
    const after = async (id = ''): Promise<RenderedMessage[]> => {
      await using other = await connect(ada, {}, id.replace(/^m-/, ''));
      return await next(other);
    };
    expect(await after(sent[0]?.id)).toEqual(sent.slice(1));
    expect(await after(sent[2]?.id)).toEqual([]);
    expect(await after('unknown')).toEqual(sent);
  });

  it('keeps the last 200 messages', async () => {
    await using one = await connect(ada);
    await next(one);
    for (let count = 1; count <= 201; count += 1) {
      await one.writeMessage(`message ${count}`);
      await next(one);
    }
    const { text } = await ada.get('/');
    expect(text.match(/<li /g)).toHaveLength(200);
    expect(text).not.toContain('>message 1<');
    expect(text).toContain('>message 201<');
  });

  it('refuses connections without a name, with a cookie that was changed, and from other sites [ATT-55] [ATT-48]', async () => {
    expect(await refusal(connect(new Visitor(server.url)))).toBe(403);
    expect(await refusal(connect(ada, { Cookie: ada.cookies.replace(/member=./, 'member=x') }))).toBe(403);
    for (const Origin of ['https://evil.example', 'null', `${server.url}.evil.example`]) {
      expect(await refusal(connect(ada, { Origin }))).toBe(403);
    }
    await using own = await connect(ada, { Origin: server.url });
    expect(await next(own)).toEqual([]);
  });

  it('refuses forms without the token of the page [ATT-51]', async () => {
    const visitor = new Visitor(server.url);
    expect((await visitor.post('/join', { name: 'Eve' })).status).toBe(403);
    expect((await ada.post('/leave', {}, '')).status).toBe(403);
    expect((await ada.get('/')).text).toContain('Message as Ada');
  });

  it('closes connections that send binary, or too much', async () => {
    for (const [message, code] of [
      [new Uint8Array(3), 1003],
      ['x'.repeat(501), 1008],
      ['x'.repeat(5_000), 1009],
    ] as const) {
      await using connection = await connect(ada);
      await next(connection);
      await connection.writeMessage(message);
      expect(await connection.readMessage()).toBeNull();
      expect(connection.closeCode).toBe(code);
    }
    await using connection = await connect(ada);
    await next(connection);
    await connection.writeMessage('   ');
    await connection.writeMessage('heard');
    expect((await next(connection))[0]?.html).toContain('heard');
  });

  it('refuses a name that is taken, until its member leaves', async () => {
    await using connection = await connect(ada);
    await next(connection);
    const other = new Visitor(server.url);
    await join(other, 'x');
    const refused = await other.post('/join', { name: 'ADA' });
    expect([refused.status, refused.text]).toEqual([
      422,
      expect.stringContaining('Someone called ADA is here already.'),
    ]);
    expect((await other.post('/join', { name: 'A'.repeat(25) })).status).toBe(422);
    await ada.get('/');
    expect((await ada.post('/leave', {})).location).toBe('/');
    expect(await connection.readMessage()).toBeNull();
    expect(connection.closeCode).toBe(1000);
    expect((await ada.get('/')).text).toContain('Your name');
    await expect.poll(async () => (await other.post('/join', { name: 'ADA' })).status).toBe(303);
  });
});
