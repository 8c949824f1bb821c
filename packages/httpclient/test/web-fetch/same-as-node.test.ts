import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { fetchPeer } from '../fixtures/fetch-peer.ts';
import { withClient, withNodeServer } from '../fixtures/servers.ts';

/** Makes the arguments anew for each of the two clients, because a body can be sent once. */
type Call = (url: string) => [input: unknown, init?: unknown, whileReading?: () => void];

/** What a program sees of a fetch. */
async function outcomeOf(
  fetch: typeof globalThis.fetch,
  [input, init, whileReading]: Awaited<ReturnType<Call>>,
): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(input as string, init as RequestInit);
  } catch (error) {
    return failureOf(error);
  }
  const { status, statusText, ok, url, redirected, type, bodyUsed, body } = response;
  const facts = { status, statusText, ok, url, redirected, type, bodyUsed, hasBody: body !== null };
  const headers = [...response.headers].filter(
    ([name]) => !/^(date|connection|keep-alive|transfer-encoding)$/.test(name),
  );
  const mirrors = response.headers.get('content-type') === 'application/json';
  // The mirrored request may be longer in one of the two.
  const listed = mirrors ? headers.filter(([name]) => name !== 'content-length') : headers;
  try {
    const reading = response.text();
    whileReading?.();
    const text = await reading;
    return {
      ...facts,
      headers: listed,
      text: mirrors ? JSON.parse(text) : text,
      usedAfter: response.bodyUsed,
    };
  } catch (error) {
    return { ...facts, headers: listed, bodyError: failureOf(error), usedAfter: response.bodyUsed };
  }
}

/** Messages are the client's own, but programs look for these two. */
function failureOf(error: unknown): unknown {
  if (!(error instanceof Error)) return { thrown: error };
  const { name, message } = error;
  return {
    name,
    message: ['fetch failed', 'terminated'].includes(message) || name !== 'TypeError' ? message : '',
  };
}

const stream = (...chunks: unknown[]): ReadableStream =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
async function* generator(...chunks: unknown[]): AsyncGenerator<unknown> {
  yield* chunks;
}
/** An `AbortSignal.timeout` whose time is over when the test says so. */
function timeout(): { readonly signal: AbortSignal; readonly abort: () => void } {
  const controller = new AbortController();
  const reason = new DOMException('The operation was aborted due to timeout', 'TimeoutError');
  return { signal: controller.signal, abort: () => controller.abort(reason) };
}
function form(): FormData {
  const data = new FormData();
  data.append('a', '1\n2');
  data.append('ü"', 'é');
  data.append('f', new Blob(['<p>'], { type: 'text/html' }), 'a"b.html');
  data.append('g', new Blob(['raw']));
  return data;
}
const locked = (): ReadableStream => {
  const it = stream('a');
  it.getReader();
  return it;
};
const disturbed = async (): Promise<ReadableStream> => {
  const it = stream('a', 'b');
  const reader = it.getReader();
  await reader.read();
  reader.releaseLock();
  return it;
};
const usedRequest = async (url: string): Promise<Request> => {
  const request = new Request(url, { method: 'POST', body: 'x' });
  await request.text();
  return request;
};
const post = (body: unknown, more: object = {}) => ({ method: 'POST', body, ...more });

const CALLS: Readonly<Record<string, Call | ((url: string) => Promise<ReturnType<Call>>)>> = {
  // URLs.
  'a string': (url) => [`${url}/a`],
  'a URL': (url) => [new URL(`${url}/a?b=c`)],
  'a fragment': (url) => [`${url}/a?b=c#d`],
  'an empty fragment': (url) => [`${url}/a#`],
  'no path': (url) => [url],
  'dot segments': (url) => [`${url}/a/./b/../c/%2e%2e/d`],
  'characters that are escaped': (url) => [`${url}/a b"<>\`{}é?a b"<>'é|^[]`],
  'characters that are not escaped': (url) => [`${url}/a|[]:@!$&'()*+,;=%zz%41`],
  backslashes: (url) => [`${url}\\a\\b`],
  'white space around': (url) => [` \t${url}/a\n`],
  'white space within': (url) => [`${url}/a\tb\nc`],
  'upper case': (url) => [`${url.replace('http', 'HTTP')}/A`],
  'a number with leading zeros as host': (url) => [`${url.replace('127.0.0.1', '0x7f.1')}/a`],
  'an object with toString': (url) => [{ toString: () => `${url}/a` }],
  'a relative URL': () => ['/a'],
  'an empty URL': () => [''],
  'no URL': () => [undefined],
  'null as URL': () => [null],
  'credentials in the URL': (url) => [url.replace('//', '//user:pw@')],
  'a user name in the URL': (url) => [url.replace('//', '//user@')],
  'another scheme': () => ['ftp://localhost/'],

  // The init.
  'an empty init': (url) => [url, {}],
  'null as init': (url) => [url, null],
  'text as init': (url) => [url, 'text'],
  'a number as init': (url) => [url, 5],
  'a function as init': (url) => [url, () => {}],
  'members that are undefined': (url) => [
    url,
    {
      method: undefined,
      headers: undefined,
      body: undefined,
      redirect: undefined,
      signal: undefined,
      duplex: undefined,
    },
  ],
  'members that are inherited': (url) => [
    url,
    Object.create({ method: 'PUT', body: 'x', headers: { 'X-A': '1' } }),
  ],
  'unknown members': (url) => [url, { next: { revalidate: 5 }, timeout: -1, agent: {} }],

  // Methods.
  'a method in lower case': (url) => [url, { method: 'delete' }],
  'PUT in mixed case': (url) => [url, { method: 'pUt', body: 'x' }],
  PATCH: (url) => [url, { method: 'PATCH', body: 'x' }],
  'an unknown method': (url) => [url, { method: 'M-OTHER' }],
  'OPTIONS with a body': (url) => [url, { method: 'OPTIONS', body: 'x' }],
  'DELETE with a body': (url) => [url, { method: 'DELETE', body: 'x' }],
  HEAD: (url) => [`${url}/a`, { method: 'HEAD' }],
  'POST without a body': (url) => [url, { method: 'POST' }],
  'PUT without a body': (url) => [url, { method: 'PUT' }],
  'a method with a space': (url) => [url, { method: 'G T' }],
  'an empty method': (url) => [url, { method: '' }],
  'a symbol as method': (url) => [url, { method: Symbol('m') }],
  CONNECT: (url) => [url, { method: 'CONNECT' }],
  trace: (url) => [url, { method: 'trace' }],
  TRACK: (url) => [url, { method: 'TRACK' }],

  // Headers.
  'a record of headers': (url) => [url, { headers: { 'X-A': '1', authorization: 'Bearer x' } }],
  'a record without a prototype': (url) => [
    url,
    { headers: Object.assign(Object.create(null), { 'X-A': '1' }) },
  ],
  'a Headers object': (url) => [
    url,
    {
      headers: new Headers([
        ['X-A', '1'],
        ['x-a', '2'],
        ['Cookie', 'a=1'],
      ]),
    },
  ],
  pairs: (url) => [
    url,
    {
      headers: [
        ['X-A', '1'],
        ['x-a', '2'],
        ['Cookie', 'a=1'],
        ['cookie', 'b=2'],
      ],
    },
  ],
  'a Map of headers': (url) => [url, { headers: new Map([['X-A', '1']]) }],
  'one header in two spellings': (url) => [url, { headers: { 'X-A': '1', 'x-a': '2' } }],
  'values that are not text': (url) => [
    url,
    { headers: { 'X-A': 5, 'X-B': undefined, 'X-C': ['a', 'b'], 'X-D': null } },
  ],
  'values with white space around': (url) => [url, { headers: { 'X-A': ' \t1\r\n ' } }],
  'an empty value': (url) => [url, { headers: { 'X-A': '' } }],
  'a value in latin1': (url) => [url, { headers: { 'X-A': 'é' } }],
  'a Host header': (url) => [url, { headers: { Host: 'example.org' } }],
  'Connection: close': (url) => [url, { headers: { Connection: 'close' } }],
  'a Content-Length that is right': (url) => [url, post('x', { headers: { 'Content-Length': '1' } })],
  'a Content-Length that is wrong': (url) => [url, post('x', { headers: { 'Content-Length': '5' } })],
  'Transfer-Encoding': (url) => [url, post('x', { headers: { 'Transfer-Encoding': 'chunked' } })],
  Upgrade: (url) => [url, { headers: { Upgrade: 'websocket' } }],
  'null as headers': (url) => [url, { headers: null }],
  'text as headers': (url) => [url, { headers: 'X-A: 1' }],
  'a pair of one': (url) => [url, { headers: [['X-A']] }],
  'a pair of three': (url) => [url, { headers: [['X-A', '1', '2']] }],
  'a name with a space': (url) => [url, { headers: { 'X A': '1' } }],
  'an empty name': (url) => [url, { headers: { '': '1' } }],
  'a value with a line break': (url) => [url, { headers: { 'X-A': '1\r\nX-B: 2' } }],
  'a value with NUL': (url) => [url, { headers: { 'X-A': '1\0' } }],
  'a value with a control character': (url) => [url, { headers: { 'X-A': 'a\x01b' } }],
  'a value beyond latin1': (url) => [url, { headers: { 'X-A': '€' } }],

  // Bodies.
  text: (url) => [url, post('h€llo')],
  'empty text': (url) => [url, post('')],
  'text with a lone surrogate': (url) => [url, post('\ud800')],
  'text with a type': (url) => [url, post('{}', { headers: { 'content-type': 'application/json' } })],
  bytes: (url) => [url, post(new Uint8Array([1, 2, 255]))],
  'a view of bytes': (url) => [url, post(new Uint8Array([1, 2, 3, 4]).subarray(1, 3))],
  'an ArrayBuffer': (url) => [url, post(new Uint8Array([1, 2]).buffer)],
  'a DataView': (url) => [url, post(new DataView(new Uint8Array([1, 2, 3]).buffer, 1))],
  'a Uint16Array': (url) => [url, post(new Uint16Array([0x4141]))],
  URLSearchParams: (url) => [
    url,
    post(
      new URLSearchParams([
        ['a', '1 ü'],
        ['b', '&'],
      ]),
    ),
  ],
  'a Blob': (url) => [url, post(new Blob(['blob'], { type: 'text/CSS' }))],
  'a Blob without a type': (url) => [url, post(new Blob(['blob']))],
  'an empty Blob': (url) => [url, post(new Blob([]))],
  'a FormData': (url) => [url, post(form())],
  'an empty FormData': (url) => [url, post(new FormData())],
  'a ReadableStream': (url) => [url, post(stream(Buffer.from('a'), Buffer.from('b')), { duplex: 'half' })],
  'a ReadableStream of numbers': (url) => [url, post(stream(5), { duplex: 'half' })],
  'a ReadableStream that fails': (url) => [
    url,
    post(new ReadableStream({ pull: () => Promise.reject(new Error('own')) }), { duplex: 'half' }),
  ],
  'a ReadableStream without duplex': (url) => [url, post(stream(Buffer.from('a')))],
  'a ReadableStream with a reader': (url) => [url, post(locked(), { duplex: 'half' })],
  'a ReadableStream that was read': async (url) => [url, post(await disturbed(), { duplex: 'half' })],
  'a ReadableStream with keepalive': (url) => [url, post(stream(), { duplex: 'half', keepalive: true })],
  'a generator': (url) => [url, post(generator(Buffer.from('a'), 'b'), { duplex: 'half' })],
  'a generator without duplex': (url) => [url, post(generator(Buffer.from('a')))],
  'a generator of numbers': (url) => [url, post(generator(5), { duplex: 'half' })],
  "a stream of Node's": (url) => [url, post(Readable.from([Buffer.from('a')]), { duplex: 'half' })],
  'a number': (url) => [url, post(5)],
  'an array': (url) => [url, post([1, 2])],
  'an object': (url) => [url, post({ a: 1 })],
  'a symbol': (url) => [url, post(Symbol('s'))],
  'null as body': (url) => [url, { body: null }],
  'GET with a body': (url) => [url, { body: 'x' }],
  'GET with an empty body': (url) => [url, { body: '' }],
  'HEAD with a body': (url) => [url, { method: 'head', body: 'x' }],
  'duplex: full': (url) => [url, post('x', { duplex: 'full' })],
  'duplex: null': (url) => [url, post('x', { duplex: null })],

  // Requests.
  'a Request': (url) => [new Request(`${url}/a#b`, { headers: { 'X-A': '1' } })],
  'a Request with text': (url) => [new Request(url, { method: 'POST', body: 'text' })],
  'a Request with a form': (url) => {
    const data = new FormData();
    data.append('a', 'b');
    return [new Request(url, { method: 'POST', body: data })];
  },
  'a Request, and a method': (url) => [new Request(url, { method: 'POST', body: 'text' }), { method: 'PUT' }],
  'a Request, and GET': (url) => [new Request(url, { method: 'POST', body: 'text' }), { method: 'GET' }],
  'a Request, and headers': (url) => [
    new Request(url, { headers: { 'X-A': '1' } }),
    { headers: { 'X-B': '2' } },
  ],
  'a Request, and another body': (url) => [
    new Request(url, { method: 'POST', body: 'text' }),
    { body: 'other text' },
  ],
  'a Request with a redirect mode': (url) => [new Request(`${url}/redirect/302`, { redirect: 'manual' })],
  'a Request that was used': async (url) => [await usedRequest(url)],
  'a Request that was used, and a body': async (url) => [await usedRequest(url), { body: 'new' }],
  'a Request as init': (url) => [
    `${url}/b`,
    new Request(`${url}/a`, { method: 'PUT', headers: { 'X-A': '1' } }),
  ],
  'a Request whose signal is aborted': (url) => [new Request(url, { signal: AbortSignal.abort('why') })],
  'a Request whose signal is replaced': (url) => [
    new Request(url, { signal: AbortSignal.abort('why') }),
    { signal: null },
  ],

  // Redirects.
  'a 301': (url) => [`${url}/redirect/301`],
  'a 302': (url) => [`${url}/redirect/302`, post('x')],
  'a 303': (url) => [
    `${url}/redirect/303`,
    { method: 'PUT', body: 'x', headers: { 'Content-Type': 'text/x' } },
  ],
  'a 303 to HEAD': (url) => [`${url}/redirect/303`, { method: 'HEAD' }],
  'a 307': (url) => [`${url}/redirect/307`, post('x')],
  'a 308 with a Blob': (url) => [`${url}/redirect/308`, post(new Blob(['x']))],
  'a 307 with a stream': (url) => [`${url}/redirect/307`, post(stream(Buffer.from('x')), { duplex: 'half' })],
  'a 307 with a Request': (url) => [new Request(`${url}/redirect/307`, { method: 'POST', body: 'text' })],
  '20 redirects': (url) => [`${url}/redirect/302/20`],
  '21 redirects': (url) => [`${url}/redirect/302/21`],
  'a redirect without Location': (url) => [`${url}/no-location`],
  'a redirect to an invalid URL': (url) => [`${url}/bad-location`],
  'a redirect to another scheme': (url) => [`${url}/ftp-location`],
  'redirect: manual': (url) => [`${url}/redirect/302`, { redirect: 'manual' }],
  'redirect: manual, and no redirect': (url) => [url, { redirect: 'manual' }],
  'redirect: error': (url) => [`${url}/redirect/302`, { redirect: 'error' }],
  'redirect: error, and no redirect': (url) => [url, { redirect: 'error' }],
  'redirect: error, without Location': (url) => [`${url}/no-location`, { redirect: 'error' }],
  'redirect: error, and a 304': (url) => [`${url}/status/304`, { redirect: 'error' }],
  'redirect: other': (url) => [url, { redirect: 'other' }],
  'redirect: null': (url) => [url, { redirect: null }],

  // Signals.
  'a signal': (url) => [url, { signal: new AbortController().signal }],
  'null as signal': (url) => [url, { signal: null }],
  'an object as signal': (url) => [url, { signal: {} }],
  'an aborted signal': (url) => [url, { signal: AbortSignal.abort() }],
  'a signal that was aborted with a value': (url) => [url, { signal: AbortSignal.abort('why') }],
  'a signal that times out': (url) => [`${url}/silent`, { signal: AbortSignal.timeout(20) }],
  'a signal that times out during the body': (url) => {
    const { signal, abort } = timeout();
    return [`${url}/endless`, { signal }, abort];
  },

  // Members that are ignored, but checked.
  'members that are ignored': (url) => [
    url,
    { mode: 'no-cors', credentials: 'include', referrerPolicy: 'origin', keepalive: true, window: null },
  ],
  'mode: navigate': (url) => [url, { mode: 'navigate' }],
  'mode: other': (url) => [url, { mode: 'other' }],
  'credentials: other': (url) => [url, { credentials: 'other' }],
  'cache: only-if-cached': (url) => [url, { cache: 'only-if-cached' }],
  'referrer: invalid': (url) => [url, { referrer: 'http://[' }],
  'window: other': (url) => [url, { window: 1 }],
  'integrity: empty': (url) => [url, { integrity: '' }],

  // Responses.
  'a 204': (url) => [`${url}/status/204`],
  'a 205': (url) => [`${url}/status/205`],
  'a 304': (url) => [`${url}/status/304`],
  'a 404': (url) => [`${url}/status/404`],
  'a 599': (url) => [`${url}/status/599`],
  'text that is not UTF-8': (url) => [`${url}/not-utf-8`],
  'text in another charset': (url) => [`${url}/latin1`],
  'a compressed response': (url) => [`${url}/gzip`],
  'an empty response': (url) => [`${url}/empty`],
  'a truncated response': (url) => [`${url}/truncated`],
};

describe('AsyncHTTPClient.toFetch', () => {
  it.each(Object.entries(CALLS))("has the same outcome as Node's fetch: %s", (_, call) =>
    withNodeServer(fetchPeer, ({ url }) =>
      withClient({}, async (client) => {
        const [theirs, ours] = [
          await outcomeOf(globalThis.fetch, await call(url)),
          await outcomeOf(client.toFetch(), await call(url)),
        ];
        expect(ours).toEqual(theirs);
      }),
    ),
  );
});
