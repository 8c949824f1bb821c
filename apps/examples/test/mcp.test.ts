import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { ProgressNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { AsyncHTTPClient, Condition } from 'landspout';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import createMcp from '../mcp/app.ts';
import { RestartedProgram } from './restarted-program.ts';
import { silent } from './visitor.ts';

/** The client of the SDK, which connects again until the server is back. */
class McpClient implements AsyncDisposable {
  /** What was reported, in order: numbers and lines. */
  readonly progress: unknown[] = [];
  /** The ids of the events of calls. */
  readonly resumptionTokens: string[] = [];
  readonly #client = new Client({ name: 'test', version: '1.0.0' });
  readonly #transport: StreamableHTTPClientTransport;
  readonly #reported = new Condition();

  private constructor(url: string, sessionId: string | undefined) {
    this.#transport = new StreamableHTTPClientTransport(new URL(`${url}/mcp`), {
      reconnectionOptions: {
        initialReconnectionDelay: 10,
        maxReconnectionDelay: 100,
        reconnectionDelayGrowFactor: 1.5,
        maxRetries: 10_000,
      },
      ...(sessionId === undefined ? {} : { sessionId }),
    });
    this.#client.setNotificationHandler(ProgressNotificationSchema, ({ params }) => {
      this.progress.push([params.progress, params.message]);
      this.#reported.notifyAll();
    });
  }

  /** @param sessionId - that of a client before; default: a new session. */
  static async connect(url: string, sessionId?: string): Promise<McpClient> {
    const client = new McpClient(url, sessionId);
    // The types of the SDK do not allow undefined where its own transport has it.
    await client.#client.connect(client.#transport as Transport);
    return client;
  }

  get sessionId(): string {
    return String(this.#transport.sessionId);
  }

  /** Calls the tool. @param resumptionToken - that of a call before, whose response is wanted. */
  follow(name: string, resumptionToken?: string): Promise<unknown> {
    const result = this.#client.callTool({ name: 'follow_build', arguments: { name } }, undefined, {
      onprogress: () => {}, // without it, the SDK requests none
      onresumptiontoken: (token) => {
        this.resumptionTokens.push(token);
      },
      ...(resumptionToken === undefined ? {} : { resumptionToken }),
    });
    result.catch(() => {}); // the client may be closed before
    return result;
  }

  /** Resolves when this many lines were reported. */
  async reported(count: number): Promise<void> {
    while (this.progress.length < count) await this.#reported.wait();
  }

  endSession(): Promise<void> {
    return this.#transport.terminateSession();
  }

  listTools(): Promise<unknown> {
    return this.#client.listTools();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
  }
}

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
};

describe('the MCP server', () => {
  let server: RestartedProgram;

  beforeEach(async () => {
    server = new RestartedProgram('mcp/main.js');
    await server.start();
  });
  afterEach(() => server[Symbol.asyncDispose]());

  /** Sends a request over a connection of its own: that of an earlier one may lead to a server that was killed. */
  async function post(path: string, value: unknown, headers: Record<string, string> = {}): Promise<number> {
    await using http = new AsyncHTTPClient();
    const response = await http.fetch(server.url + path, {
      method: 'POST',
      headers: {
        Accept: 'application/json, text/event-stream',
        'Content-Type': 'application/json',
        ...headers,
      },
      body: JSON.stringify(value),
      raiseError: false,
    });
    return response.status;
  }

  /** A build reports a line. */
  async function line(text: string, done = false): Promise<void> {
    expect(await post('/builds/nightly', { line: text, done })).toBe(204);
  }

  it('continues a call each time that it is killed; the client gets each line once', async () => {
    await using client = await McpClient.connect(server.url);
    const result = client.follow('nightly');
    await line('1');
    await client.reported(1);
    for (const count of [2, 4, 6]) {
      await line(String(count)); // reported before the server is killed, or after: both must work
      await server.kill();
      await server.start();
      // The client forgets its position if a connection ends before its first event, so each gets one.
      await line(String(count + 1));
      await client.reported(count + 1);
    }
    await line('8', true);
    expect(await result).toEqual({ content: [{ type: 'text', text: '1\n2\n3\n4\n5\n6\n7\n8' }] });
    expect(client.progress).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((count) => [count, String(count)]));
  });

  it('sends a client that was restarted too what follows its last event', async () => {
    const before = await McpClient.connect(server.url);
    void before.follow('nightly');
    await line('1');
    await line('2');
    await before.reported(2);
    const { sessionId, resumptionTokens } = before;
    await before[Symbol.asyncDispose]();
    await line('3');
    await server.kill();
    await server.start();
    await using client = await McpClient.connect(server.url, sessionId);
    const result = client.follow('nightly', resumptionTokens.at(-1));
    await line('4', true);
    expect(await result).toEqual({ content: [{ type: 'text', text: '1\n2\n3\n4' }] });
    expect(client.progress).toEqual([
      [3, '3'],
      [4, '4'],
    ]);
  });

  it('sends a result again that is complete, also after a restart', async () => {
    await line('1', true);
    const before = await McpClient.connect(server.url);
    const expected = await before.follow('nightly');
    await before[Symbol.asyncDispose]();
    expect(await server.stop()).toBe(0);
    await server.start();
    await using client = await McpClient.connect(server.url, before.sessionId);
    expect(await client.follow('nightly', before.resumptionTokens[0])).toEqual(expected);
    expect(client.progress).toEqual([[1, '1']]);
  });

  it('goes on with a call while its client is away', async () => {
    const before = await McpClient.connect(server.url);
    void before.follow('nightly');
    await line('1');
    await before.reported(1);
    await before[Symbol.asyncDispose]();
    await line('2', true);
    await using client = await McpClient.connect(server.url, before.sessionId);
    expect(await client.follow('nightly', before.resumptionTokens.at(-1))).toEqual({
      content: [{ type: 'text', text: '1\n2' }],
    });
    expect(client.progress).toEqual([[2, '2']]);
  });

  it('ends the streams of its clients when it stops', async () => {
    await using own = await createMcp({ logger: silent }).listen({ port: 0, host: '127.0.0.1' });
    await using client = await McpClient.connect(own.url);
    void client.follow('nightly');
    await using http = new AsyncHTTPClient();
    const headers = { 'Content-Type': 'application/json' };
    await http.fetch(`${own.url}/builds/nightly`, { method: 'POST', headers, body: '{"line":"1"}' });
    await client.reported(1);
    expect((await own.stop()).cut).toBe(0);
  });

  it('forgets a session that its client has ended', async () => {
    await using client = await McpClient.connect(server.url);
    const { sessionId } = client;
    await client.endSession();
    for (const restart of [false, true]) {
      if (restart) await server.kill();
      if (restart) await server.start();
      await using other = await McpClient.connect(server.url, sessionId);
      await expect(other.listTools()).rejects.toMatchObject({ code: 404 });
    }
  });

  it('refuses pages of other sites, and other names of the machine', async () => {
    expect(await post('/mcp', INITIALIZE)).toBe(200);
    expect(await post('/mcp', INITIALIZE, { Origin: 'https://example.com' })).toBe(403);
    expect(await post('/mcp', INITIALIZE, { Host: 'example.com' })).toBe(404);
  });
}, 60_000);
