import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline, Readable } from 'node:stream';
import { RequestHandler } from '../../../src/index.ts';
import type { Handlers, OpenPlace, Place } from './places.ts';
import { HostileClient, looksComplete, turn } from './world.ts';

const BODY_BYTES = 200 * 1024;
const PIECE_BYTES = 16 * 1024;
const PIECES = Math.ceil(BODY_BYTES / PIECE_BYTES);
const PIECE = Buffer.alloc(PIECE_BYTES, 'r');

/** What a handler has seen of one request. */
class Visit {
  /** How often the handler was notified that its client has left. */
  notices = 0;
  body: 'open' | 'whole' | 'failed' = 'open';
  response: 'open' | 'whole' | 'cancelled' = 'open';
  /** How often `close` of the objects of node:http was emitted. */
  closes: number[] | undefined = undefined;

  get isOver(): boolean {
    return this.body !== 'open' && this.response !== 'open' && this.closes?.includes(0) !== true;
  }
}

/** Handlers that read a long body and stream a long response at the same time. */
export class Visits {
  readonly all: Visit[] = [];
  readonly handlers: Handlers = {
    fetch: (request) => this.#fetch(request),
    node: (request, response) => this.#node(request, response),
    web: this.#web(),
  };

  #begin(): Visit {
    const visit = new Visit();
    this.all.push(visit);
    return visit;
  }

  #fetch(request: Request): Response {
    if (request.method === 'GET') return new Response('fine');
    const visit = this.#begin();
    request.signal.addEventListener('abort', () => {
      visit.notices += 1;
    });
    readAll(request.body as ReadableStream<Uint8Array>).then(
      () => {
        visit.body = 'whole';
      },
      () => {
        visit.body = 'failed';
      },
    );
    let left = PIECES;
    const stream = new ReadableStream<Uint8Array>({
      async pull(out) {
        await turn();
        left -= 1;
        if (visit.response !== 'open') return;
        out.enqueue(new Uint8Array(PIECE));
        if (left > 0) return;
        visit.response = 'whole';
        out.close();
      },
      cancel() {
        visit.response = 'cancelled';
      },
    });
    return new Response(stream);
  }

  #node(request: IncomingMessage, response: ServerResponse): void {
    if (request.method === 'GET') return void response.end('fine');
    const visit = this.#begin();
    const closes = [0, 0];
    visit.closes = closes;
    request
      .on('data', () => {})
      .on('end', () => {
        visit.body = 'whole';
      })
      .on('error', () => {
        visit.body = 'failed';
      })
      .on('close', () => {
        closes[0] = (closes[0] as number) + 1;
        if (visit.body === 'open') visit.body = 'failed';
      });
    response.on('close', () => {
      closes[1] = (closes[1] as number) + 1;
      if (!response.writableFinished) visit.notices += 1;
    });
    let left = PIECES;
    const pieces = new Readable({
      read() {
        left -= 1;
        setImmediate(() => this.push(left >= 0 ? PIECE : null));
      },
    });
    pipeline(pieces, response, (error) => {
      visit.response = error ? 'cancelled' : 'whole';
    });
  }

  #web(): Handlers['web'] {
    const begin = (): Visit => this.#begin();
    return class extends RequestHandler<'/*path'> {
      static override readonly streamRequestBody = true;
      readonly #visit: Visit | undefined = this.request.method === 'GET' ? undefined : begin();

      override dataReceived(): Promise<void> {
        return turn();
      }

      override onConnectionClose(): void {
        const visit = this.#visit;
        if (visit === undefined) return;
        visit.notices += 1;
        if (visit.body === 'open') {
          visit.body = 'failed';
          visit.response = 'cancelled';
        }
      }

      override get(): void {
        this.write('fine');
      }

      override async post(): Promise<void> {
        const visit = this.#visit as Visit;
        visit.body = 'whole';
        try {
          for (let left = PIECES; left > 0; left -= 1) {
            this.write(PIECE);
            await this.flush();
          }
          visit.response = 'whole';
        } catch (error) {
          visit.response = 'cancelled';
          throw error;
        }
      }
    };
  }
}

async function readAll(body: ReadableStream<Uint8Array>): Promise<void> {
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) void chunk;
}

/** How a client leaves after it has sent and read some bytes. */
export interface Leaving {
  readonly sent: number;
  readonly read: number;
  readonly how: 'reset' | 'close' | 'half-close';
  readonly isChunked: boolean;
}

/** Chooses where clients leave: at the edges of the head and the body, and anywhere else. */
export function leavings(random: (below: number) => number, count: number): Leaving[] {
  return Array.from({ length: count }, (): Leaving => {
    const isChunked = random(3) === 0;
    const { length } = requestText('', isChunked);
    const head = length - bodyText(isChunked).length;
    const edges = [0, 1, head - 1, head, head + 1, head + 65_536, length - 1, length, length, length];
    return {
      sent: random(2) === 0 ? (edges[random(edges.length)] as number) : random(length + 1),
      read: random(4) === 0 ? 0 : random(BODY_BYTES),
      how: (['reset', 'close', 'half-close'] as const)[random(3)] as Leaving['how'],
      isChunked,
    };
  });
}

function bodyText(isChunked: boolean): string {
  if (!isChunked) return 'b'.repeat(BODY_BYTES);
  const chunk = `4000\r\n${'b'.repeat(0x4000)}\r\n`;
  return `${chunk.repeat(12)}2000\r\n${'b'.repeat(0x2000)}\r\n0\r\n\r\n`;
}

function requestText(prefix: string, isChunked: boolean): string {
  const framing = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${BODY_BYTES}`;
  return `POST ${prefix}/visit HTTP/1.1\r\nHost: a.test\r\n${framing}\r\nConnection: close\r\n\r\n${bodyText(isChunked)}`;
}

/**
 * Runs one client.
 *
 * @returns what is wrong with what the client saw; undefined if nothing.
 */
export async function leave(place: Place, open: OpenPlace, leaving: Leaving): Promise<string | undefined> {
  const { read, how, isChunked } = leaving;
  const whole = requestText(place.prefix, isChunked);
  const head = whole.indexOf('\r\n\r\n') + 4;
  const sent = Math.min(leaving.sent, whole.length);
  const client = await HostileClient.connect(open.port, whole.slice(0, sent));
  const responds = place.kind === 'web' ? sent === whole.length : sent >= head;
  if (responds) await client.read(read);
  if (how === 'reset') client.socket.resetAndDestroy();
  else if (how === 'close') client.socket.destroy();
  else client.socket.end();
  if (how !== 'half-close') return undefined;
  const received = await client.end();
  if (!looksComplete(received)) return undefined;
  const status = /^HTTP\/1\.1 (\d+)/.exec(received.text)?.[1];
  if (status !== '200')
    return sent < whole.length && status?.startsWith('4') ? undefined : `status ${status}`;
  const pieces = received.text.split('r'.repeat(1024)).length - 1;
  return pieces >= BODY_BYTES / 1024 ? undefined : `a cut response looks complete: ${pieces} KiB`;
}

/** What is wrong with the visits, a line for each; also that their handlers are not over. */
export function problemsOf({ all }: Visits): string {
  const wrong = all.filter((visit) => {
    const { notices, response, closes, isOver } = visit;
    const isNotifiedOnce = notices <= 1 && (response === 'whole' || notices === 1);
    return !isOver || !isNotifiedOnce || closes?.every((count) => count === 1) === false;
  });
  return wrong.map((visit) => JSON.stringify(visit)).join('\n');
}
