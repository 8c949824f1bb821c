import { describe, expect, it } from 'vitest';
import { HTTPHeaders, type HTTPServerExchange, PreparedPiece } from '../../src/index.ts';
import { PlainClient, serve } from '../fixtures/serving.ts';

/** Responds to one request with `respond`. @returns what the client received until that matches `end`. */
async function received(
  respond: (exchange: HTTPServerExchange) => void,
  request: string,
  end: RegExp | 'closed',
): Promise<string> {
  const server = await serve({
    startRequest: (exchange) => ({
      headersReceived() {},
      dataReceived() {},
      finish: () => respond(exchange),
      connectionClosed() {},
    }),
  });
  const client = new PlainClient(server.port);
  try {
    await client.send(request);
    if (end !== 'closed') return await client.until(end);
    await client.closed;
    return client.received;
  } finally {
    client.close();
    await server.closeAll();
  }
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const bodyOf = (text: string): string => text.slice(text.indexOf('\r\n\r\n') + 4);
const LONG = 'x'.repeat(20_000);

describe('writePrepared', () => {
  let bodyBytes = 0;
  const write = (exchange: HTTPServerExchange, fields: Record<string, string> = {}): void => {
    exchange.writeHead(200, '', HTTPHeaders.from(fields), 'a');
    for (const piece of ['é', '', LONG, new Uint8Array([255])])
      exchange.writePrepared?.(new PreparedPiece(piece));
    bodyBytes = exchange.bodyBytesSent;
    exchange.finish();
  };

  it('writes a chunk for each piece that is not empty', async () => {
    const text = await received(write, GET, /\r\n0\r\n\r\n$/);
    expect(bodyOf(text)).toBe(`1\r\na\r\n2\r\n\xc3\xa9\r\n4e20\r\n${LONG}\r\n1\r\n\xff\r\n0\r\n\r\n`);
    expect(bodyBytes).toBe(20_004);
  });

  it('writes the bytes alone if the body is not chunked', async () => {
    const body = `a\xc3\xa9${LONG}\xff`;
    const sized = (exchange: HTTPServerExchange): void => write(exchange, { 'Content-Length': '20004' });
    expect(bodyOf(await received(sized, GET, /\xff$/))).toBe(body);
    expect(bodyOf(await received(write, 'GET / HTTP/1.0\r\n\r\n', /\xff$/))).toBe(body);
  });

  it('writes nothing in response to HEAD', async () => {
    const next = `HEAD / HTTP/1.1\r\nHost: a\r\n\r\n${GET}`;
    const text = await received(write, next, /\r\n0\r\n\r\n$/);
    expect(text.split('HTTP/1.1 200 OK')).toHaveLength(3);
    expect(text.split('\xc3\xa9')).toHaveLength(2);
  });

  it('is refused before the head and after the end', async () => {
    const codes: unknown[] = [];
    const attempt = (exchange: HTTPServerExchange): void => {
      try {
        exchange.writePrepared?.(new PreparedPiece('x'));
      } catch (error) {
        codes.push((error as { code: string }).code);
      }
    };
    const respond = (exchange: HTTPServerExchange): void => {
      attempt(exchange);
      exchange.writeHead(200, '', new HTTPHeaders(), 'whole', true);
      attempt(exchange);
    };
    await received(respond, GET, /whole$/);
    expect(codes).toEqual(['ERR_HTTP_USAGE', 'ERR_HTTP_USAGE']);
  });

  it('is refused beyond the Content-Length, as bytes are', async () => {
    let error: unknown;
    const respond = (exchange: HTTPServerExchange): void => {
      exchange.writeHead(200, '', HTTPHeaders.from({ 'Content-Length': '2' }), 'a');
      try {
        exchange.writePrepared?.(new PreparedPiece('bc'));
      } catch (thrown) {
        error = thrown;
      }
    };
    await received(respond, GET, 'closed');
    expect(error).toMatchObject({ code: 'ERR_HTTP1_BODY_LONG' });
  });
});

describe('write', () => {
  it('writes a text in UTF-8 as one chunk', async () => {
    const respond = (exchange: HTTPServerExchange): void => {
      exchange.writeHead(200, '', new HTTPHeaders(), '');
      for (const text of ['plain', '', 'é€', LONG]) exchange.write(text);
      exchange.finish();
    };
    const text = await received(respond, GET, /\r\n0\r\n\r\n$/);
    expect(bodyOf(text)).toBe(`5\r\nplain\r\n5\r\n\xc3\xa9\xe2\x82\xac\r\n4e20\r\n${LONG}\r\n0\r\n\r\n`);
  });
});
