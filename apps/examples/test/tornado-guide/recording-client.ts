import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';

/** What a test sends. */
export interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | URLSearchParams | FormData;
}

/** A response as both programs of a pair have to give it. */
export interface Received {
  readonly request: string;
  readonly status: number;
  /** Those of {@link COMPARED}. */
  readonly headers: Readonly<Record<string, string>>;
  /** `name; attributes`, without values. */
  readonly cookies: readonly string[];
  /** JSON without white space. */
  readonly body: string;
}

/** A response whose end has not arrived. */
export interface OpenResponse {
  readonly first: string;
  rest(): Promise<string>;
  leave(): void;
}

/**
 * The headers that are compared. Others are those of the server (Date, Server) or of the connection, and ETag, which
 * Landspout sets only from 1 KiB on.
 */
const COMPARED = [
  ...[
    'allow',
    'cache-control',
    'content-disposition',
    'content-encoding',
    'content-language',
    'content-type',
  ],
  ...['last-modified', 'location', 'retry-after', 'vary', 'www-authenticate', 'x-served-by'],
];

/** A version 2 token, such as that of a form (`2|…|…|…`). */
const TOKEN = /2\|[0-9a-f]{8}\|[0-9a-f]+\|\d+/g;

/** The version in the URL of a static file. */
const VERSION = /\?v=[\w-]+/g;

/** A client that keeps cookies, and records what it received. */
export class RecordingClient {
  /** In the order of the requests. */
  readonly received: Received[] = [];
  url: string;
  readonly #cookies = new Map<string, string>();
  /** The latest body as it was received. */
  text = '';
  /** The latest Location as it was received. */
  location = '';
  /** The token of the latest form. */
  token = '';

  constructor(url: string) {
    this.url = url;
  }

  /** The value of a cookie. */
  cookie(name: string): string | undefined {
    return this.#cookies.get(name);
  }

  /** Records what was received in another way than by HTTP. */
  record(request: string, body: string): void {
    this.received.push({ request, status: 0, headers: {}, cookies: [], body });
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Received> {
    return this.send(path, { headers });
  }

  /** Sends a form, with the token of the latest one. */
  post(path: string, fields: Readonly<Record<string, string>>): Promise<Received> {
    const all = this.token === '' ? fields : { ...fields, _xsrf: this.token };
    return this.send(path, { method: 'POST', body: new URLSearchParams(all) });
  }

  async send(path: string, { method = 'GET', headers = {}, body }: Sent): Promise<Received> {
    const cookies = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await exchange(this.url + path, {
      method,
      headers: cookies === '' ? headers : { ...headers, Cookie: cookies },
      ...(body === undefined ? {} : { body }),
    });
    const text = response.body.toString();
    this.token = TOKEN.exec(text)?.[0] ?? this.token;
    TOKEN.lastIndex = 0;
    this.text = text;
    this.location = response.headers.location ?? '';
    const received = {
      request: `${method} ${path.replace(VERSION, '?v=<version>')}`,
      status: response.status,
      headers: this.#comparedHeaders(response.headers),
      cookies: (response.headers['set-cookie'] ?? []).map((line) => this.#keep(line)),
      body: this.#comparedBody(text, response.headers['content-type']),
    };
    this.received.push(received);
    return received;
  }

  /**
   * Opens a response that goes on.
   *
   * @returns what has arrived first, a promise of the rest, and a function that leaves.
   */
  async open(path: string): Promise<OpenResponse> {
    const leaving = new AbortController();
    const response = await fetch(this.url + path, { signal: leaving.signal });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const { value } = await reader.read();
    const rest = async () => {
      let text = '';
      for (;;) {
        const piece = await reader.read();
        if (piece.done) return text;
        text += Buffer.from(piece.value).toString();
      }
    };
    return { first: Buffer.from(value ?? []).toString(), rest, leave: () => leaving.abort() };
  }

  #comparedBody(text: string, contentType: string | undefined): string {
    const isJson = contentType?.startsWith('application/json') ?? false;
    if (isJson) return this.#withoutUrl(JSON.stringify(JSON.parse(text)));
    const plain = text.replaceAll(TOKEN, '<token>').replaceAll(VERSION, '?v=<version>');
    return this.#withoutUrl(plain.replaceAll(/\s*\/>/g, '>'));
  }

  #comparedHeaders(headers: IncomingHttpHeaders): Record<string, string> {
    const found = COMPARED.map((name) => [name, headers[name]] as const);
    const present = found.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
    return Object.fromEntries(present.map(([name, value]) => [name, this.#withoutUrl(value)]));
  }

  #withoutUrl(text: string): string {
    return text.replaceAll(this.url, 'http://<server>').replaceAll(new URL(this.url).host, '<server>');
  }

  /** Keeps or removes a cookie. @returns its name and attributes, in the order of their names. */
  #keep(line: string): string {
    const [pair = '', ...attributes] = line.split(/;\s*/);
    const [name = '', value = ''] = pair.split(/=(.*)/s);
    const isGone =
      attributes.some((text) => /^(?:max-age=0|expires=thu, 01 jan 1970)/i.test(text)) || isPast(attributes);
    if (isGone) this.#cookies.delete(name);
    else this.#cookies.set(name, value);
    const kept = attributes.filter((text) => !/^(?:expires|max-age)=/i.test(text)).sort();
    return [isGone ? `${name} (cleared)` : name, ...kept].join('; ');
  }
}

interface Exchanged {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Sends a request with exactly these headers, and those that a body needs. */
async function exchange(url: string, { method, headers, body }: Sent): Promise<Exchanged> {
  const encoded = new Response(body ?? null);
  const type = encoded.headers.get('Content-Type');
  const bytes = Buffer.from(await encoded.arrayBuffer());
  const all = {
    ...(type === null ? {} : { 'Content-Type': type }),
    ...(body === undefined ? {} : { 'Content-Length': bytes.length }),
    ...headers,
  };
  const sending = request(url, { method, headers: all, agent: false }).end(bytes);
  const [response] = (await once(sending, 'response')) as [IncomingMessage];
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: await buffer(response),
  };
}

function isPast(attributes: readonly string[]): boolean {
  const expires = attributes.find((text) => /^expires=/i.test(text))?.slice('expires='.length);
  return expires !== undefined && Date.parse(expires) < Date.now();
}
