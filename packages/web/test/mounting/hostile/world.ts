import { readdirSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { FetchEnvironment } from '@landspout/httpserver/fetch';
import { RequestHandler } from '../../../src/index.ts';
import type { Handlers } from './places.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Waits until a condition holds. The test's own timeout is the limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

export type FetchWay = (request: Request, world: World, environment: FetchEnvironment) => unknown;
export type NodeWay = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
  world: World,
) => unknown;
export type WebWay = (handler: WebHandler, world: World) => unknown;

/** The ways of handlers by name, one table for each kind of place. */
export interface Ways {
  readonly fetch: Readonly<Record<string, { readonly run: FetchWay }>>;
  readonly node: Readonly<Record<string, { readonly run: NodeWay }>>;
  readonly web: Readonly<Record<string, { readonly run: WebWay }>>;
}

/** A handler that shows what the ways use. */
export abstract class WebHandler extends RequestHandler<'/*path'> {
  override get exchange(): RequestHandler['exchange'] {
    return super.exchange;
  }
}

/** Calls the handler that the last segment of the path names, and observes what becomes of it. */
export class World {
  /** Handlers whose promise is pending. */
  running = 0;
  calls = 0;
  /** What handlers report. */
  readonly events: string[] = [];
  /** Errors that nothing handled. */
  readonly strays: unknown[] = [];
  readonly #tracked: { readonly name: string; readonly reference: WeakRef<object> }[] = [];
  readonly handlers: Handlers;

  constructor(ways: Ways) {
    const world = this;
    this.handlers = {
      fetch: (request, environment) => {
        const name = lastSegment(request.url);
        if (name === 'fine') return new Response('fine');
        this.#track(`request of ${name}`, request);
        return this.#run(() => ways.fetch[name]?.run(request, this, environment));
      },
      node: (request, response, next) => {
        const name = lastSegment(request.url ?? '');
        if (name === 'fine') return void response.end('fine');
        this.#track(`request of ${name}`, request);
        this.#track(`response of ${name}`, response);
        return this.#run(() => ways.node[name]?.run(request, response, next, this));
      },
      web: class extends WebHandler {
        override all(): never {
          const name = lastSegment(this.request.path);
          if (name === 'fine') return this.write('fine') as never;
          world.#track(`request of ${name}`, this.request);
          world.#track(`handler of ${name}`, this);
          return world.#run(() => ways.web[name]?.run(this, world)) as never;
        }
      } as unknown as Handlers['web'],
    };
  }

  /** Notes errors that nothing handles while it is watched. @returns how to stop. */
  watch(): () => void {
    const note = (error: unknown): void => void this.strays.push(error);
    process.on('unhandledRejection', note).on('uncaughtException', note).on('warning', note);
    return () => process.off('unhandledRejection', note).off('uncaughtException', note).off('warning', note);
  }

  /** Collects garbage until no request and response is left. @returns those that stay. */
  async left(): Promise<string[]> {
    let alive = this.#tracked;
    for (let round = 0; round < 30 && alive.length > 0; round += 1) {
      // `deref` keeps the object for the rest of the job in which it is called.
      await turn();
      collectGarbage();
      alive = alive.filter(({ reference }) => reference.deref() !== undefined);
    }
    return alive.map(({ name }) => name);
  }

  #track(name: string, object: object): void {
    this.calls += 1;
    this.#tracked.push({ name, reference: new WeakRef(object) });
  }

  #run(call: () => unknown): unknown {
    const result = call();
    if (result instanceof Promise) {
      this.running += 1;
      const settled = (): void => {
        this.running -= 1;
      };
      result.then(settled, settled);
    }
    return result;
  }
}

function lastSegment(target: string): string {
  return decodeURIComponent(target.replace(/\?.*/, '').split('/').at(-1) ?? '');
}

/** How many sockets, pipes and files this process has open. */
export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** What a client received. */
export interface Received {
  readonly text: string;
  readonly wasReset: boolean;
}

/** A client that sends exactly its bytes, and counts what it gets. */
export class HostileClient {
  readonly socket: Socket;
  text = '';
  isOver = false;
  wasReset = false;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes) => {
      this.text += bytes.toString('latin1');
      this.#wake();
    });
    socket.on('error', () => {
      this.wasReset = true;
    });
    const over = (): void => {
      this.isOver = true;
      this.#wake();
    };
    socket.on('end', over).on('close', over);
  }

  static async connect(port: number, text = ''): Promise<HostileClient> {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    const client = new HostileClient(socket);
    await new Promise((resolve) => socket.once('connect', resolve));
    if (text !== '') socket.write(text, 'latin1');
    return client;
  }

  /** Waits until at least `length` characters were received, or no more will be. */
  async read(length: number): Promise<void> {
    while (!this.isOver && this.text.length < length) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Waits until the server has closed the connection. */
  async end(): Promise<Received> {
    await this.read(Number.POSITIVE_INFINITY);
    if (!this.socket.destroyed) {
      // Node reports a reset as an end if bytes came with it. Writing fails only after a reset.
      await new Promise<void>((resolve) => {
        this.socket.write('\r\n', (error) => {
          this.wasReset ||= error !== undefined && error !== null;
          resolve();
        });
      });
      this.socket.destroy();
    }
    return this;
  }
}

/** Sends bytes, and returns what was received until the server closed the connection. */
export async function converse(port: number, text: string): Promise<Received> {
  return (await HostileClient.connect(port, text)).end();
}

/** A request whose connection is closed after the response. */
export function requestOf(
  target: string,
  { method = 'GET', version = '1.1', fields = '', body = '' } = {},
): string {
  const length = body === '' ? '' : `Content-Length: ${body.length}\r\n`;
  return `${method} ${target} HTTP/${version}\r\nHost: a.test\r\nConnection: close\r\n${length}${fields}\r\n${body}`;
}

export function statusOf({ text }: Received): number {
  return Number(/^(?:HTTP\/1\.1 1[\s\S]*?\r\n\r\n)*HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);
}

/** Whether a client would take what it received for a whole response. */
export function looksComplete({ text: received, wasReset }: Received, method = 'GET'): boolean {
  const text = received.replace(/^HTTP\/1\.1 1[\s\S]*?\r\n\r\n/, '');
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return false;
  const head = text.slice(0, end);
  const body = text.slice(end + 4);
  if (method === 'HEAD' || /^HTTP\/1\.1 (?:204|304)/.test(head)) return true;
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (/\r\ntransfer-encoding: *chunked/i.test(head)) return endsChunked(body);
  return length === undefined ? !wasReset : body.length >= Number(length);
}

function endsChunked(body: string): boolean {
  for (let at = 0; ; ) {
    const lineEnd = body.indexOf('\r\n', at);
    if (lineEnd === -1) return false;
    const size = Number.parseInt(body.slice(at, lineEnd), 16);
    if (size === 0) return body.indexOf('\r\n', lineEnd + 2) !== -1;
    at = lineEnd + 2 + size + 2;
  }
}
