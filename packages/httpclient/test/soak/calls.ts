import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import {
  type AsyncHTTPClient,
  HTTPClientError,
  type HTTPResponse,
  type HTTPStreamedResponse,
  type RequestOptions,
} from '../../src/index.ts';
import type { Random } from './random.ts';

/** One fetch to be made. */
export interface Job {
  readonly client: AsyncHTTPClient;
  /** The number that its URLs, its body and its response show. */
  readonly seq: number;
  readonly random: Random;
  /** The origins of the servers. */
  readonly urls: readonly string[];
  readonly signal: AbortSignal | undefined;
}

/** Makes a fetch and checks its response. Rejects with the error of the client, or with a {@link WrongResponse}. */
export type Call = (job: Job) => Promise<void>;

/** A response arrived that is not the one of its request. */
export class WrongResponse extends Error {
  override readonly name = 'WrongResponse';
}

const SMALL_BYTES = 1_000;
const LARGE_BYTES = 400_000;
/** Shorter than the responses of the path `slow` take at times. */
const IMPATIENT_MS = 60;
const SLOW_MS = 120;
/** Status codes of redirects, and whether a POST keeps its method and body. */
const REDIRECTS = [
  [301, false],
  [303, false],
  [307, true],
  [308, true],
] as const;

/** The calls, and how often each is made. */
export const CALLS: readonly (readonly [call: Call, weight: number])[] = [
  [get, 20],
  [getLarge, 8],
  [head, 5],
  [put, 10],
  [post, 14],
  [postStream, 8],
  [postProduced, 4],
  [postExpecting, 2],
  [earlyResponse, 2],
  [getGzip, 8],
  [getChunked, 5],
  [impatient, 5],
  [redirected, 8],
  [redirectedPost, 6],
  [badStatus, 3],
  [readSlowly, 5],
  [leftEarly, 4],
  [webFetch, 5],
];

export function chooseCall(random: Random): Call {
  let number = random(CALLS.reduce((sum, [, weight]) => sum + weight, 0));
  for (const [call, weight] of CALLS) {
    number -= weight;
    if (number < 0) return call;
  }
  return get;
}

/** The body that shows a number, in requests and responses. */
export function bodyOf(seq: number, size: number): Buffer {
  return Buffer.alloc(size, `<${seq}>`);
}

async function get(job: Job): Promise<void> {
  const size = job.random(SMALL_BYTES);
  checkComplete(job, size, await job.client.fetch(urlOf(job, 'body', { size }), optionsOf(job)));
}

async function getLarge(job: Job): Promise<void> {
  const size = job.random(LARGE_BYTES);
  checkComplete(job, size, await job.client.fetch(urlOf(job, 'body', { size }), optionsOf(job)));
}

async function head(job: Job): Promise<void> {
  const size = job.random(SMALL_BYTES);
  const options = optionsOf(job, { method: 'HEAD' });
  checkComplete(job, 0, await job.client.fetch(urlOf(job, 'body', { size }), options));
}

async function put(job: Job): Promise<void> {
  const size = job.random(job.random(2) === 0 ? SMALL_BYTES : LARGE_BYTES);
  const options = optionsOf(job, { method: 'PUT', body: bodyOf(job.seq, size) });
  checkComplete(job, size, await job.client.fetch(urlOf(job, 'take', { size }), options));
}

async function post(job: Job): Promise<void> {
  const size = job.random(job.random(3) === 0 ? LARGE_BYTES : SMALL_BYTES);
  const options = optionsOf(job, { method: 'POST', body: bodyOf(job.seq, size) });
  checkComplete(job, size, await job.client.fetch(urlOf(job, 'take', { size }), options));
}

async function postStream(job: Job): Promise<void> {
  const size = job.random(LARGE_BYTES);
  const body = chunksOf(job, size);
  const options = optionsOf(job, { method: 'POST', body });
  checkComplete(job, size, await job.client.fetch(urlOf(job, 'take', { size }), options));
}

async function postProduced(job: Job): Promise<void> {
  const size = job.random(LARGE_BYTES);
  const bodyProducer = async (write: (chunk: Uint8Array) => Promise<void>): Promise<void> => {
    for await (const chunk of chunksOf(job, size)) await write(chunk);
  };
  const options = optionsOf(job, { method: 'POST', bodyProducer });
  checkComplete(job, size, await job.client.fetch(urlOf(job, 'take', { size }), options));
}

async function postExpecting(job: Job): Promise<void> {
  const size = job.random(SMALL_BYTES);
  const options = optionsOf(job, { method: 'POST', body: bodyOf(job.seq, size), expectContinue: true });
  checkComplete(job, size, await job.client.fetch(urlOf(job, 'take', { size }), options));
}

/** The server may respond before it has the body. */
async function earlyResponse(job: Job): Promise<void> {
  const size = job.random(SMALL_BYTES);
  const body = bodyOf(job.seq, LARGE_BYTES);
  const options = optionsOf(job, { method: 'POST', body, raiseError: false });
  checkComplete(job, size, await job.client.fetch(urlOf(job, 'early', { size }), options), [200, 413]);
}

async function getGzip(job: Job): Promise<void> {
  const size = job.random(LARGE_BYTES);
  checkComplete(job, size, await job.client.fetch(urlOf(job, 'gzip', { size }), optionsOf(job)));
}

async function getChunked(job: Job): Promise<void> {
  const size = job.random(LARGE_BYTES);
  const chunks: Uint8Array[] = [];
  const onData = (chunk: Uint8Array): Promise<void> | undefined => {
    chunks.push(chunk);
    return job.random(4) === 0 ? pause(1) : undefined;
  };
  const response = await job.client.fetch(urlOf(job, 'chunked', { size }), optionsOf(job, { onData }));
  checkHead(job, response);
  checkBody(job, size, Buffer.concat(chunks), response.headers.get('X-Checksum'));
}

/** The response takes longer than the request may, at times. */
async function impatient(job: Job): Promise<void> {
  const size = job.random(SMALL_BYTES);
  const limit = job.random(2) === 0 ? { requestTimeoutMs: IMPATIENT_MS } : { headersTimeoutMs: IMPATIENT_MS };
  const url = urlOf(job, 'slow', { size, ms: job.random(SLOW_MS) });
  checkComplete(job, size, await job.client.fetch(url, optionsOf(job, limit)));
}

/** To the same server or to the other one. */
async function redirected(job: Job): Promise<void> {
  const size = job.random(SMALL_BYTES);
  const url = redirectTo(job, urlOf(job, 'body', { size }), REDIRECTS[job.random(4)]?.[0] ?? 301);
  const response = await job.client.fetch(url, optionsOf(job));
  checkComplete(job, size, response);
  if (response.redirects.length !== 1) throw new WrongResponse(`${response.redirects.length} redirects`);
}

async function redirectedPost(job: Job): Promise<void> {
  const size = job.random(SMALL_BYTES);
  const [status, keepsMethod] = REDIRECTS[job.random(4)] ?? REDIRECTS[0];
  const url = redirectTo(job, urlOf(job, keepsMethod ? 'take' : 'body', { size }), status);
  const options = optionsOf(job, { method: 'POST', body: bodyOf(job.seq, size) });
  checkComplete(job, size, await job.client.fetch(url, options));
}

async function badStatus(job: Job): Promise<void> {
  const size = job.random(SMALL_BYTES);
  try {
    await job.client.fetch(urlOf(job, 'body', { size, status: 503 }), optionsOf(job));
  } catch (error) {
    const response = error instanceof HTTPClientError ? error.response : undefined;
    if (response !== undefined) checkComplete(job, size, response, [503]);
    throw error;
  }
  throw new WrongResponse('a fetch with status 503 did not reject');
}

async function readSlowly(job: Job): Promise<void> {
  const size = job.random(LARGE_BYTES);
  await using response = await job.client.stream(streamUrl(job, size), optionsOf(job));
  checkHead(job, response);
  const chunks: Uint8Array[] = [];
  for await (const chunk of response) {
    chunks.push(chunk);
    if (job.random(2) === 0) await pause(job.random(10));
  }
  checkBody(job, size, Buffer.concat(chunks), response.headers.get('X-Checksum'));
}

/** The rest of the body is not read. */
async function leftEarly(job: Job): Promise<void> {
  const size = job.random(LARGE_BYTES);
  const response = await job.client.stream(streamUrl(job, size), optionsOf(job));
  try {
    checkHead(job, response);
    let at = 0;
    for (let left = job.random(3); left > 0; left -= 1) {
      const chunk = (await response.read()) ?? new Uint8Array(0);
      const expected = bodyOf(job.seq, size).subarray(at, at + chunk.length);
      if (!expected.equals(chunk)) throw new WrongResponse('a chunk of another body');
      at += chunk.length;
    }
  } finally {
    response.close();
  }
}

async function webFetch(job: Job): Promise<void> {
  const size = job.random(LARGE_BYTES);
  const init = job.signal === undefined ? {} : { signal: job.signal };
  try {
    const response = await job.client.toFetch()(streamUrl(job, size), init);
    const body = Buffer.from(await response.arrayBuffer());
    checkShown(job, response.headers.get('X-Id') ?? undefined);
    checkBody(job, size, body, response.headers.get('X-Checksum') ?? undefined);
  } catch (error) {
    throw error instanceof TypeError && error.cause instanceof HTTPClientError ? error.cause : error;
  }
}

/** A body as a caller produces it: in chunks, some of them after a while. */
async function* chunksOf({ seq, random }: Job, size: number): AsyncGenerator<Uint8Array> {
  const body = bodyOf(seq, size);
  for (let at = 0; at < size; ) {
    const chunk = body.subarray(at, at + 1 + random(60_000));
    at += chunk.length;
    yield chunk;
    if (random(4) === 0) await pause(random(4));
  }
}

function optionsOf({ signal }: Job, options: RequestOptions = {}): RequestOptions {
  return signal === undefined ? options : { ...options, signal };
}

function streamUrl(job: Job, size: number): string {
  return urlOf(job, ['body', 'chunked', 'gzip'][job.random(3)] ?? 'body', { size });
}

function urlOf(job: Job, kind: string, query: Readonly<Record<string, number>>): string {
  const fields = Object.entries(query).map(([name, value]) => `${name}=${value}`);
  return `${job.urls[job.random(job.urls.length)]}/${kind}/${job.seq}?${fields.join('&')}`;
}

function redirectTo(job: Job, url: string, status: number): string {
  const origin = job.urls[job.random(job.urls.length)];
  return `${origin}/redirect/${job.seq}?status=${status}&to=${encodeURIComponent(url)}`;
}

function checkComplete(
  job: Job,
  size: number,
  response: HTTPResponse,
  statuses: readonly number[] = [200],
): void {
  checkHead(job, response, statuses);
  checkBody(
    job,
    size,
    Buffer.from(response.body),
    response.headers.get('X-Checksum'),
    response.request.method,
  );
}

function checkHead(
  job: Job,
  response: HTTPResponse | HTTPStreamedResponse,
  statuses: readonly number[] = [200],
): void {
  if (!statuses.includes(response.status)) throw new WrongResponse(`status ${response.status}`);
  checkShown(job, response.headers.get('X-Id'));
}

function checkShown({ seq }: Job, shown: string | undefined): void {
  if (shown !== String(seq)) throw new WrongResponse(`the response of request ${shown}`);
}

function checkBody(
  { seq }: Job,
  size: number,
  body: Buffer,
  checksum: string | undefined,
  method = 'GET',
): void {
  if (body.length !== size) throw new WrongResponse(`${body.length} bytes, not ${size}`);
  if (!body.equals(bodyOf(seq, size))) throw new WrongResponse('the body of another request');
  if (checksum === undefined || method === 'HEAD') return;
  const actual = createHash('sha1').update(body).digest('hex');
  if (actual !== checksum) throw new WrongResponse('a body with another checksum');
}
