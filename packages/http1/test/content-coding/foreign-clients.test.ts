import { execFile } from 'node:child_process';
import { get, type IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import type { TCPServer } from '@landspout/iostream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  AVAILABLE_CODINGS,
  type BodyEncoder,
  type ContentCoding,
  EncoderPool,
} from '../../src/content-coding/index.ts';
import { HTTPHeaders, type HTTPMessageDelegate, type HTTPServerExchange } from '../../src/index.ts';
import { decoded, sampleText } from '../fixtures/decoding.ts';
import { serve } from '../fixtures/serving.ts';

const PIECES = 30;
const PIECE = sampleText(20_000);
const BODY = PIECE.repeat(PIECES);

/** Streams {@link BODY} in the coding that the path names, as fast as the client reads. */
class StreamingMessage implements HTTPMessageDelegate {
  readonly #pool: EncoderPool;
  readonly #exchange: HTTPServerExchange;
  #encoder: BodyEncoder | undefined;
  #coding: ContentCoding = 'gzip';

  constructor(pool: EncoderPool, exchange: HTTPServerExchange) {
    this.#pool = pool;
    this.#exchange = exchange;
  }

  headersReceived(head: { readonly target: string }): void {
    this.#coding = head.target.slice(1) as ContentCoding;
  }

  dataReceived(): void {}

  finish(): void {
    const exchange = this.#exchange;
    exchange.writeHead(200, 'OK', HTTPHeaders.from({ 'Content-Encoding': this.#coding }));
    this.#encoder = this.#pool.tryOpen(this.#coding, {
      take: (piece) => {
        exchange.write(piece);
        return exchange.waitDrained();
      },
      ended: () => exchange.finish(),
      failed: (error) => exchange.abort(error as Error),
    });
    void this.#stream();
  }

  connectionClosed(): void {
    this.#encoder?.abort();
  }

  async #stream(): Promise<void> {
    const encoder = this.#encoder;
    for (let piece = 0; piece < PIECES && encoder?.isClosed === false; piece += 1) {
      encoder.write(PIECE);
      encoder.flush();
      await encoder.waitDrained();
    }
    encoder?.end();
  }
}

describe('BodyEncoder over connections', () => {
  let pool: EncoderPool;
  let server: TCPServer;
  let url: string;

  beforeEach(async () => {
    pool = new EncoderPool({ maxStreams: 100 });
    server = await serve({ startRequest: (exchange) => new StreamingMessage(pool, exchange) });
    url = `http://127.0.0.1:${server.port}`;
  });

  afterEach(() => server.closeAll());

  const run = async (program: string, ...args: string[]) => {
    const { stdout } = await promisify(execFile)(program, args, { maxBuffer: 1e8 });
    return stdout;
  };

  it.each(AVAILABLE_CODINGS)('curl --compressed decodes a streamed body in %s [OUT-10]', async (coding) => {
    expect(await run('curl', '-sS', '--compressed', `${url}/${coding}`)).toBe(BODY);
    expect(pool.streams).toBe(0);
  });

  it('python3 decodes each part of a streamed body when it arrives [OUT-10]', async () => {
    const program = [
      'import sys, zlib, urllib.request',
      'response = urllib.request.urlopen(sys.argv[1])',
      'decoder = zlib.decompressobj(31)',
      'length = 0',
      'while True:',
      '  part = response.read1(65536)',
      '  if not part: break',
      '  text = decoder.decompress(part)',
      '  length += len(text)',
      'print(length, decoder.eof, len(decoder.unused_data))',
    ].join('\n');
    expect((await run('python3', '-c', program, `${url}/gzip`)).trim()).toBe(`${BODY.length} True 0`);
  });

  it.each(AVAILABLE_CODINGS)('node:zlib decodes a streamed body in %s', async (coding) => {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(`${url}/${coding}`, { agent: false }, resolve).on('error', reject);
    });
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    expect(decoded(coding, Buffer.concat(chunks)).toString()).toBe(BODY);
  });

  it.each(AVAILABLE_CODINGS)(
    'clients that leave in the middle of a body in %s leave nothing behind [ATT-73]',
    async (coding) => {
      const closings: Promise<void>[] = [];
      for (let client = 0; client < 30; client += 1) {
        closings.push(
          new Promise<void>((resolve) => {
            const request = get(`${url}/${coding}`, { agent: false }, (response) => {
              response.once('data', () => request.destroy());
              response.on('error', () => {});
              response.on('close', resolve);
            });
            request.on('error', () => {});
          }),
        );
      }
      await Promise.all(closings);
      // The server learns that clients have left when it reads or writes; responses to a client that stays take turns.
      while (pool.streams > 0 || pool.running > 0)
        await run('curl', '-sS', '--compressed', `${url}/${coding}`);
      expect({ running: pool.running, waiting: pool.waiting, waitingBytes: pool.waitingBytes }).toEqual({
        running: 0,
        waiting: 0,
        waitingBytes: 0,
      });
      expect(await run('curl', '-sS', '--compressed', `${url}/${coding}`)).toBe(BODY);
    },
  );
});
