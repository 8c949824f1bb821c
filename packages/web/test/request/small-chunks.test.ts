import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { toFetchHandler } from '@landspout/httpserver/fetch';
import { describe, expect, it } from 'vitest';
import {
  Application,
  type Middleware,
  MultipartReader,
  mount,
  RequestHandler,
  type RouteSpec,
} from '../../src/index.ts';
import { RecordingDelegate } from '../mounting/fallback-delegates.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** One object for each would take about 20 MB. */
const CHUNKS = 200_000;
const MAX_GROWTH = 4_000_000;

function heapBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

class Size extends RequestHandler {
  override post(): void {
    this.write(String(this.request.body.length));
  }
}

/** The form of {@link FORM_START}: responds with the size of its field. */
class FieldSize extends RequestHandler {
  static override readonly streamRequestBody = true;
  #reader!: MultipartReader;

  override prepare(): void {
    this.#reader = new MultipartReader(this.request.headers, { onPart: () => undefined });
  }

  override dataReceived(chunk: Uint8Array): void | Promise<void> {
    return this.#reader.write(chunk);
  }

  override async post(): Promise<void> {
    const { fields } = await this.#reader.finish();
    this.write(String(fields.get('text')?.[0]?.length));
  }
}

const FORM_TYPE = 'multipart/form-data; boundary=b';
const FORM_START = '--b\r\nContent-Disposition: form-data; name=text\r\n\r\n';
const FORM_END = '\r\n--b--\r\n';

/** Sends a body byte by byte to an application. @returns by how much the heap has grown before the end of the body. */
async function growthOf(
  routes: readonly RouteSpec[],
  headers: Record<string, string>,
  middleware: readonly Middleware[] = [],
  { start = '', end = '' } = {},
): Promise<number> {
  const before = heapBytes();
  let growth = Number.POSITIVE_INFINITY;
  let sent = 0;
  const source = {
    pull(controller: ReadableStreamDefaultController<Uint8Array>): void {
      if (sent === 0 && start !== '') controller.enqueue(Buffer.from(start));
      sent += 1;
      if (sent <= CHUNKS) {
        controller.enqueue(new Uint8Array([0x78]));
        return;
      }
      growth = heapBytes() - before;
      if (end !== '') controller.enqueue(Buffer.from(end));
      controller.close();
    },
  };
  const body = new ReadableStream(source, { highWaterMark: 0 });
  const init = { method: 'POST', body, headers, duplex: 'half' } as RequestInit;
  const call = toFetchHandler(new Application(routes, { middleware }));
  const response = await call(new Request('http://a/', init));
  expect(await response.text()).toBe(String(CHUNKS));
  return growth;
}

describe('a body in chunks of one byte', () => {
  it('takes no more than a few times its size while it is received for a handler', async () => {
    expect(await growthOf([['/', Size]], {})).toBeLessThan(MAX_GROWTH);
  });

  it('takes no more than a few times its size while it is received for a MultipartReader', async () => {
    const growth = growthOf([['/', FieldSize]], { 'Content-Type': FORM_TYPE }, [], {
      start: FORM_START,
      end: FORM_END,
    });
    expect(await growth).toBeLessThan(MAX_GROWTH);
  });

  it('takes no more than a few times its size while it is received for a mounted delegate that needs all of it', async () => {
    const delegate = new RecordingDelegate({
      headersReceived: (request) => {
        request.collectsBody = true;
      },
      finish: (request) => request.respond(String(request.body.length)),
    });
    // The connection passes the body in pieces, because the delegate is not known when the headers are received.
    const later: Middleware = async (_context, next) => {
      await undefined;
      await next();
    };
    const headers = { 'Content-Length': String(CHUNKS) };
    expect(await growthOf([mount('/', delegate)], headers, [later])).toBeLessThan(MAX_GROWTH);
    expect(delegate.last.events).toEqual(['headers', `data ${CHUNKS}`, 'finish']);
  });
});
