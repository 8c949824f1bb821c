import type { Logger } from '@landspout/ioloop';
import { FetchContainer, type FetchContainerOptions, type FetchHandler } from '../../src/fetch/index.ts';
import type { HTTPServer, HTTPServerOptions } from '../../src/index.ts';
import { converse } from '../fixtures/raw-client.ts';
import { withServer } from '../fixtures/running-server.ts';

export interface RunningContainer {
  readonly container: FetchContainer;
  readonly server: HTTPServer;
  readonly port: number;
  /** What the container logged. */
  readonly records: { readonly message: string; readonly error: unknown }[];
  /** What the server logged. */
  readonly serverRecords: readonly object[];
  /** Sends one request without a body, and returns all that came. */
  get(path: string, more?: string): Promise<string>;
}

/** Runs `test` against a server that calls a Fetch handler. */
export async function withContainer(
  handler: (...args: Parameters<FetchHandler>) => unknown,
  test: (running: RunningContainer) => Promise<void>,
  {
    server: serverOptions = {},
    ...options
  }: FetchContainerOptions & { readonly server?: HTTPServerOptions } = {},
): Promise<void> {
  const records: { readonly message: string; readonly error: unknown }[] = [];
  const error = (details: object, message: string) =>
    void records.push({ message, error: (details as { error?: unknown }).error });
  const logger: Logger = { debug() {}, info() {}, warn: error, error };
  const container = new FetchContainer(handler as FetchHandler, { logger, ...options });
  await withServer(
    container,
    async ({ server, port, records: serverRecords }) => {
      const get = (path: string, more = '') => converse(port, requestText('GET', path, more));
      await test({ container, server, port, records, serverRecords, get });
    },
    serverOptions,
  );
}

/** A request whose connection is closed after the response. @param more - further lines, each with its CRLF. */
export function requestText(method: string, path: string, more = ''): string {
  return `${method} ${path} HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n${more}\r\n`;
}

/** A request with a body of known length. */
export function post(path: string, body: string, more = ''): string {
  return requestText('POST', path, `Content-Length: ${body.length}\r\n${more}`) + body;
}

/** A request with a chunked body, still without chunks. */
export function chunkedPost(path: string, more = ''): string {
  return requestText('POST', path, `Transfer-Encoding: chunked\r\n${more}`);
}

export function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

export const LAST_CHUNK = '0\r\n\r\n';

/** Splits what was received into the status line, the fields by lower-case name, and the body. */
export function parsed(received: string): {
  readonly status: number;
  readonly reason: string;
  readonly fields: ReadonlyMap<string, readonly string[]>;
  readonly body: string;
} {
  const end = received.indexOf('\r\n\r\n');
  const [line = '', ...lines] = received.slice(0, end).split('\r\n');
  const fields = new Map<string, string[]>();
  for (const text of lines) {
    const [name = '', value = ''] = text.split(/:\s*(.*)/s);
    const values = fields.get(name.toLowerCase()) ?? [];
    values.push(value);
    fields.set(name.toLowerCase(), values);
  }
  const [, status, reason = ''] = /^HTTP\/1\.1 (\d+) (.*)$/.exec(line) ?? [];
  return { status: Number(status), reason, fields, body: received.slice(end + 4) };
}

/** Joins the chunks of a chunked body. */
export function unchunked(body: string): string {
  let text = '';
  let rest = body;
  for (;;) {
    const lineEnd = rest.indexOf('\r\n');
    const size = Number.parseInt(rest.slice(0, lineEnd), 16);
    if (!(size > 0)) return text;
    text += rest.slice(lineEnd + 2, lineEnd + 2 + size);
    rest = rest.slice(lineEnd + 4 + size);
  }
}

export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
