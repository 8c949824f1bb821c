import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as after } from 'node:timers/promises';
import { AsyncHTTPClient, TCPClient, type WebSocketClientConnection, websocketConnect } from 'landspout';
import { describe, expect, it } from 'vitest';
import type { ServerMessage } from '../src/chat/protocol.ts';
import { DemoProcess, startChat } from './demo-process.ts';

/** Long enough for a busy machine, but well below ten seconds, after which a person would give up. */
const STOP_WITHIN_MS = 6_000;

function connect(url: string): Promise<WebSocketClientConnection> {
  return websocketConnect(`${url.replace('http:', 'ws:')}/room`);
}

async function join(url: string, name: string): Promise<WebSocketClientConnection> {
  const connection = await connect(url);
  await connection.writeMessage({ type: 'join', name, session: `session of the page of ${name}` });
  return connection;
}

async function receive<Type extends ServerMessage['type']>(
  connection: WebSocketClientConnection,
  type: Type,
): Promise<ServerMessage & { type: Type }> {
  for (;;) {
    const text = await connection.readMessage();
    if (text === null) throw new Error(`the connection ended (${connection.closeCode}) before a ${type}`);
    const message: ServerMessage = JSON.parse(String(text));
    if (message.type === type) return message as ServerMessage & { type: Type };
  }
}

describe('the chat app', () => {
  it('prints its address, and which backend runs and why', async () => {
    await using demo = startChat();
    expect(await demo.address()).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
    const backend = process.env.LANDSPOUT_BACKEND === 'portable' ? 'portable' : 'native';
    expect(demo.stdout).toMatch(new RegExp(`backend: ${backend}, because \\S+`));
  });

  it('takes the port from --port before PORT', async () => {
    await using demo = new DemoProcess(['--port', '0'], { PORT: '1' });
    expect(await demo.address()).not.toMatch(/:1$/);
  });

  it('serves a page that may load and call only its own server', async () => {
    await using demo = startChat();
    const url = await demo.address();
    await using client = new AsyncHTTPClient();
    const page = await client.fetch(url);
    const policy = page.headers.get('Content-Security-Policy');
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    const sources = [...page.text().matchAll(/(?:src|href)="([^"]*)"/g)].map(
      ([, source]) => source as string,
    );
    expect(sources).toContain('/static/chat.js');
    for (const source of sources) {
      expect(source).toMatch(/^\/static\/[a-z-]+\.\w+$/);
      const asset = await client.fetch(url + source);
      expect(asset.headers.get('X-Content-Type-Options')).toBe('nosniff');
      expect(asset.body.length).toBeGreaterThan(0);
    }
  });

  it('carries messages between two connections, and keeps them for a third', async () => {
    await using demo = startChat();
    const url = await demo.address();
    await using ada = await join(url, 'Ada');
    await receive(ada, 'welcome');
    await using bo = await join(url, 'Bo');
    await ada.writeMessage({ type: 'say', text: 'hello' });
    expect((await receive(ada, 'message')).message).toMatchObject({ text: 'hello', from: { name: 'Ada' } });
    expect((await receive(bo, 'message')).message).toMatchObject({ text: 'hello', from: { name: 'Ada' } });
    await using late = await join(url, 'Late');
    const { messages, visitors } = await receive(late, 'welcome');
    expect(messages.map(({ text }) => text)).toEqual(['hello']);
    expect(visitors.map(({ name }) => name)).toEqual(['Ada', 'Bo', 'Late']);
    ada.abort();
    expect((await receive(bo, 'left')).visitor.name).toBe('Ada');
  });

  it('refuses a page of another origin', async () => {
    await using demo = startChat();
    const url = `${(await demo.address()).replace('http:', 'ws:')}/room`;
    const foreign = websocketConnect(url, { origin: 'http://evil.example' });
    await expect(foreign).rejects.toMatchObject({ status: 403 });
  });

  it('closes a connection that sends more than a page ever does', async () => {
    await using demo = startChat();
    await using connection = await connect(await demo.address());
    await connection.writeMessage('x'.repeat(17 * 1024));
    await connection.waitClosed();
    expect(connection.closeCode).toBe(1009);
  });

  it.each([
    ['SIGINT', 'the app'],
    ['SIGTERM', 'the app'],
    ['SIGINT', 'its group'],
    ['SIGTERM', 'its group'],
  ] as const)('stops with 0 at %s to %s, with connections open', async (name, target) => {
    await using demo = startChat();
    const url = await demo.address();
    await using page = await join(url, 'Ada');
    await receive(page, 'welcome');
    await using lurker = await connect(url);
    await using client = new AsyncHTTPClient();
    await client.fetch(url); // its connection stays open and idle
    const ending = target === 'the app' ? demo.signal(name) : demo.signalGroup(name);
    const late = after(STOP_WITHIN_MS, 'it took too long', { ref: false });
    expect(await Promise.race([ending, late])).toMatchObject({ code: 0, signal: null, stderr: '' });
    await Promise.all([page.waitClosed(), lurker.waitClosed()]);
    expect([page.closeCode, lurker.closeCode]).toEqual([1001, 1001]);
  });

  it('stops with 0 although a peer never answers, and at a second Ctrl-C too', async () => {
    await using demo = startChat();
    const url = new URL(await demo.address());
    await using silent = await connect(url.origin);
    // Half a request, so that a connection is in the middle of something.
    const stuck = await new TCPClient().connect({ host: url.hostname, port: Number(url.port) });
    await stuck.write(Buffer.from('POST /room HTTP/1.1\r\nHost: a\r\n'));
    expect(silent.isOpen).toBe(true);
    void demo.signal('SIGINT');
    const ending = demo.signal('SIGINT');
    const late = after(STOP_WITHIN_MS, 'it took too long', { ref: false });
    expect(await Promise.race([ending, late])).toMatchObject({ code: 0, signal: null });
    stuck.close();
  });

  it('says in one line that its port is in use, and ends with 1', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    await using demo = new DemoProcess(['chat', '--port', `${port}`]);
    const { code, stdout, stderr } = await demo.ending();
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^port ${port} is in use \\(EADDRINUSE\\).*--port.*\n$`));
    other.close();
  });
});
