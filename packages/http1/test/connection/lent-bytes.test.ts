import type { IOStream, TCPServer } from '@landspout/iostream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  HTTPHeaders,
  type HTTPMessageDelegate,
  type HTTPServerConnectionDelegate,
  type HTTPServerExchange,
  type RequestHead,
} from '../../src/index.ts';
import { Gates } from '../fixtures/gates.ts';
import { PlainClient, serve } from '../fixtures/serving.ts';

// The loop has one read buffer for all connections. Here one connection's delegate waits, and meanwhile another
// connection sends so much that the whole buffer is overwritten. What the first one holds must not change.

/** As large as the loop's read buffer several times over. */
const FLOOD_BYTES = 512 * 1024;

/** Answers with all that it was given, as it is at the end; waits at its gates before. */
class KeepingMessage implements HTTPMessageDelegate {
  readonly #gates: Gates;
  readonly #exchange: HTTPServerExchange;
  readonly #chunks: Uint8Array[] = [];
  #head: RequestHead | undefined;

  constructor(gates: Gates, exchange: HTTPServerExchange) {
    this.#gates = gates;
    this.#exchange = exchange;
  }

  headersReceived(head: RequestHead): void | Promise<void> {
    this.#head = head;
    return this.#gates.pass(`head ${head.target}`);
  }

  dataReceived(chunk: Uint8Array): void | Promise<void> {
    this.#chunks.push(chunk);
    return this.#gates.pass(`data ${this.#head?.target}`);
  }

  async finish(): Promise<void> {
    const { method, target, headers } = this.#head as RequestHead;
    await this.#gates.pass(`finish ${target}`);
    const body = Buffer.concat(this.#chunks).toString('latin1');
    const text = target === '/flood' ? 'flooded' : `${method} ${target} ${headers.get('X-Mark')} <${body}>`;
    this.#exchange.writeHead(200, 'OK', new HTTPHeaders(), text, true);
  }

  connectionClosed(): void {}
}

describe('ServerConnection, whose bytes are lent', () => {
  let gates: Gates;
  let server: TCPServer;
  let clients: PlainClient[];

  beforeEach(async () => {
    gates = new Gates();
    clients = [];
    server = await serve({ startRequest: (exchange) => new KeepingMessage(gates, exchange) });
  });
  afterEach(async () => {
    for (const client of clients) client.close();
    await server.closeAll();
  });

  function open(at: TCPServer = server): PlainClient {
    const client = new PlainClient(at.port);
    clients.push(client);
    return client;
  }

  /** Overwrites the loop's read buffer through another connection, and waits until that is done. */
  async function flood(at: TCPServer = server): Promise<void> {
    const other = open(at);
    await other.send(`POST /flood HTTP/1.1\r\nHost: b\r\nContent-Length: ${FLOOD_BYTES}\r\n\r\n`);
    await other.send('b'.repeat(FLOOD_BYTES));
    await other.until(/flooded/);
  }

  const post = (target: string, body: string) =>
    `POST ${target} HTTP/1.1\r\nHost: a\r\nX-Mark: mark-${target}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

  it('keeps a head, and the body that came with it, while its delegate awaits', async () => {
    gates.shut('head /a');
    const client = open();
    await client.send(post('/a', 'a'.repeat(1_000)));
    await gates.arrival('head /a');
    await flood();
    gates.open('head /a');
    await client.until(/>$/);
    expect(client.received).toContain(`POST /a mark-/a <${'a'.repeat(1_000)}>`);
  });

  it('gives a delegate body bytes that stay as they are after its call', async () => {
    gates.shut('data /a');
    const client = open();
    await client.send(post('/a', 'a'.repeat(1_000)).slice(0, -10));
    await gates.arrival('data /a');
    await flood();
    gates.open('data /a');
    await client.send('a'.repeat(10));
    await client.until(/>$/);
    expect(client.received).toContain(`POST /a mark-/a <${'a'.repeat(1_000)}>`);
  });

  it('keeps half a head until the other half comes', async () => {
    const wire = post('/a', 'aaaa');
    const client = open();
    await client.send(wire.slice(0, 40));
    await flood(); // comes behind that half, so that the half has been read by its end
    await client.send(wire.slice(40));
    await client.until(/<aaaa>/);
    expect(client.received).toContain('POST /a mark-/a <aaaa>');
  });

  it('keeps pipelined requests while the one before them is answered', async () => {
    gates.shut('finish /1');
    const client = open();
    await client.send(post('/1', 'one') + post('/2', 'two') + post('/3', 'three'));
    await gates.arrival('finish /1');
    await flood();
    gates.open('finish /1');
    await client.until(/<three>/);
    const answers = ['POST /1 mark-/1 <one>', 'POST /2 mark-/2 <two>', 'POST /3 mark-/3 <three>'];
    for (const answer of answers) expect(client.received).toContain(answer);
  });

  it('keeps the bytes after the head of an upgrade for the code that takes over the stream', async () => {
    let taken!: (stream: IOStream) => void;
    const takenOver = new Promise<IOStream>((resolve) => {
      taken = resolve;
    });
    const delegate: HTTPServerConnectionDelegate = {
      startRequest: (exchange) => {
        const message = new KeepingMessage(gates, exchange);
        const headersReceived = (head: RequestHead): void | Promise<void> => {
          if (head.target === '/upgrade') taken(exchange.detach());
          else return message.headersReceived(head);
        };
        return {
          headersReceived,
          dataReceived: (chunk) => message.dataReceived(chunk),
          finish: () => message.finish(),
          connectionClosed: () => message.connectionClosed(),
        };
      },
    };
    const upgrading = await serve(delegate);
    await open(upgrading).send('GET /upgrade HTTP/1.1\r\nHost: a\r\n\r\nsaid too early\n');
    const stream = await takenOver;
    await flood(upgrading);
    expect((await stream.readUntil('\n')).toString()).toBe('said too early\n');
    stream.close();
    await upgrading.closeAll();
  });
});
