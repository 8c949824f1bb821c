import { gzipSync } from 'node:zlib';
import { HTTPHeaders, PreparedPiece } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import { HTTPServer, type ServerRequest } from '../../src/index.ts';
import { RawClient } from '../fixtures/raw-client.ts';
import { withServer } from '../fixtures/running-server.ts';

const echo = (request: ServerRequest): void => {
  const { headers, body } = request;
  request.respond(
    200,
    `${headers.get('X-Consumed-Content-Encoding')} ${headers.get('Content-Encoding')} ${body.length}`,
  );
};

async function post(port: number, body: Buffer): Promise<string> {
  const client = await RawClient.connect({ port });
  client.send(
    `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`,
  );
  client.socket.write(body);
  const received = await client.untilEnd();
  client.close();
  return `${received.slice(9, 12)} ${received.slice(received.indexOf('\r\n\r\n') + 4)}`;
}

describe('HTTPServer with decompressRequests', () => {
  const zeros = gzipSync(Buffer.alloc(200_000));

  it('is off by default: bodies come as they are', () =>
    withServer(echo, async ({ port }) => {
      expect(await post(port, zeros)).toBe(`200 undefined gzip ${zeros.length}`);
    }));

  it('gives a callback the body without its coding [H1-20]', () =>
    withServer(echo, async ({ port }) => expect(await post(port, zeros)).toBe('200 gzip undefined 200000'), {
      decompressRequests: true,
    }));

  it('holds a body to maxBodyBytes, of the server or of its own [ATT-25]', async () => {
    const limits = [
      { maxBodyBytes: 1000, decompressRequests: true },
      { decompressRequests: { maxBodyBytes: 1000 } },
    ];
    for (const options of limits) {
      await withServer(echo, async ({ port }) => expect(await post(port, zeros)).toMatch(/^413 /), options);
    }
  });

  it('leaves writing the response as it is: prepared pieces, and whether the client must read first', () => {
    const drained: unknown[] = [];
    const respond = ({ exchange }: ServerRequest): void => {
      exchange.writeHead(200, '', new HTTPHeaders(), '');
      drained.push(exchange.isDrained);
      exchange.writePrepared?.(new PreparedPiece('small'));
      exchange.write(new Uint8Array(8 * 1024 * 1024));
      drained.push(exchange.isDrained);
      exchange.finish();
    };
    return withServer(
      respond,
      async ({ port }) => {
        expect(await post(port, zeros)).toMatch(/^200 5\r\nsmall\r\n800000\r\n/);
        expect(drained).toEqual([true, false]);
      },
      { decompressRequests: true },
    );
  });

  it('refuses invalid options', () => {
    expect(() => new HTTPServer(echo, { decompressRequests: { chunkBytes: 1 } })).toThrow(
      expect.objectContaining({ code: 'ERR_STREAM_USAGE' }),
    );
  });
});
