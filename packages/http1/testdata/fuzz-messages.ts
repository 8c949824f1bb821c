import { Buffer } from 'node:buffer';
import { DecodedRequestHead } from '../src/protocol/decoding/request-head.ts';
import type { DecodedResponseHead } from '../src/protocol/decoding/response-head.ts';
import { RequestEncoder } from '../src/protocol/encoding/request-encoder.ts';
import { ResponseEncoder } from '../src/protocol/encoding/response-encoder.ts';
import { HTTPHeaders } from '../src/protocol/fields/http-headers.ts';
import { forbiddenTrailer } from '../src/protocol/fields/trailer-fields.ts';
import { DEFAULT_LIMITS } from '../src/protocol/grammar/limits.ts';
import type { FuzzCase } from './fuzz-case.ts';
import { FuzzFinding, type FuzzMessage, type FuzzRun, runCase } from './fuzz-run.ts';

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;
const TARGET = /^[\x21\x22\x24-\x7e]+$/;
/** Fields that our encoders write themselves, so that they may come back otherwise. */
const OWN_FIELDS = new Set(['transfer-encoding', 'content-length', 'connection', 'date']);
const FORBIDDEN_TRAILERS = ['host', 'content-length', 'transfer-encoding', 'connection', 'upgrade', 'expect'];
const ROUND_TRIP_LIMITS = {
  ...DEFAULT_LIMITS,
  maxHeadBytes: DEFAULT_LIMITS.maxHeadBytes + 1024,
  maxHeaders: DEFAULT_LIMITS.maxHeaders + 4,
};

/**
 * Checks what the decoder handed over against rules that are written here a second time.
 *
 * @throws FuzzFinding when it should have refused, or when our encoders make another message of it.
 */
export function checkMessages(fuzzed: FuzzCase, run: FuzzRun): void {
  for (const message of run.messages) {
    const { head, body, trailers } = message;
    checkFields(head.headers, fuzzed.limits.maxHeaders);
    if (body.length > fuzzed.limits.maxBodyBytes) throw new FuzzFinding('a body is over its limit');
    if (message.ended && head.bodyLength >= 0 && !message.interim && body.length !== head.bodyLength) {
      throw new FuzzFinding('a body has not the length that was announced');
    }
    if (trailers !== undefined) {
      checkFields(trailers, fuzzed.limits.maxHeaders);
      if (FORBIDDEN_TRAILERS.some((name) => trailers.has(name))) throw new FuzzFinding('a forbidden trailer');
    }
    // What a peer may send as a trailer, and we may not, cannot come back.
    if (trailers !== undefined && forbiddenTrailer(trailers) !== undefined) continue;
    if (head instanceof DecodedRequestHead) checkRequest(head, message);
    else checkResponse(head, message, fuzzed);
  }
}

function checkFields(headers: HTTPHeaders, max: number): void {
  const fields = headers.getAll();
  if (fields.length > max) throw new FuzzFinding('there are too many fields');
  for (const [name, value] of fields) {
    if (!NAME.test(name) || !VALUE.test(value))
      throw new FuzzFinding(`field ${JSON.stringify([name, value])}`);
  }
  const coding = headers.getList('transfer-encoding');
  const lengths = headers.getList('content-length');
  if (
    coding.length > 0 &&
    (coding.length > 1 || coding[0]?.toLowerCase() !== 'chunked' || lengths.length > 0)
  ) {
    throw new FuzzFinding('the framing is ambiguous');
  }
  if (lengths.length > 1 || lengths.some((length) => !/^\d+$/.test(length))) {
    throw new FuzzFinding(`Content-Length ${lengths.join()}`);
  }
}

function checkRequest(head: DecodedRequestHead, message: FuzzMessage): void {
  if (!NAME.test(head.method) || !TARGET.test(head.target)) throw new FuzzFinding('a bad request line');
  const hosts = head.headers.getList('host');
  if (hosts.length > 1 || (hosts.length === 0 && head.version === 'HTTP/1.1')) {
    throw new FuzzFinding('there is not one Host');
  }
  for (const host of [head.host, ...hosts]) if (!isHost(host)) throw new FuzzFinding(`Host ${host}`);
  // HTTP/1.0 may come without a Host, which our encoder never writes.
  if (message.ended && hosts.length === 1) roundTripRequest(head, message);
}

/** Asks the URL parser of WHATWG, which accepts more than RFC 3986 does. */
function isHost(host: string): boolean {
  return (
    host === '' || (!/[/?#@\\,\s]/.test(host) && (URL.canParse(`x://${host}/`) || !host.startsWith('[')))
  );
}

function roundTripRequest(head: DecodedRequestHead, message: FuzzMessage): void {
  const encoder = new RequestEncoder();
  const headers = without(head.headers, ['transfer-encoding']);
  let wire = encoder.head(head.method, head.target, headers, head.bodyLength);
  wire += bodyOf(encoder, message);
  const again = expectAgain(message, { methods: undefined, wire });
  // HTTP/1.0 persists only when it asks for that, and comes back as HTTP/1.1, which always does.
  if (head.version === 'HTTP/1.1' && again.keepAlive !== head.keepAlive) {
    throw new FuzzFinding(`persistence changed\n${wire}`);
  }
}

function checkResponse(head: DecodedResponseHead, message: FuzzMessage, fuzzed: FuzzCase): void {
  if (head.status < 100 || head.status > 599) throw new FuzzFinding('a status that is none');
  // The answer to a HEAD keeps its length, a 101 ends HTTP, and which request was answered is not known here.
  const plain = fuzzed.methods?.every((method) => method === 'GET' || method === 'POST');
  if (!message.ended || head.status < 200 || plain !== true) return;
  // A 205 is sent without content, whatever came with it.
  if (head.status === 205 && (message.body !== '' || message.trailers !== undefined)) return;
  const encoder = new ResponseEncoder();
  encoder.begin('GET', 'HTTP/1.1', head.keepAlive);
  const headers = without(
    head.headers,
    head.status === 304 ? ['transfer-encoding'] : ['transfer-encoding', 'content-length'],
  );
  const length = head.bodyLength >= 0 ? head.bodyLength : -1;
  let wire = encoder.head(head.status, head.reason, headers, 'Sun, 06 Nov 1994 08:49:37 GMT', length, false);
  if (encoder.sendsBody) wire += bodyOf(encoder, message);
  else wire += encoder.end();
  if (expectAgain(message, { methods: ['GET'], wire }).keepAlive !== head.keepAlive) {
    throw new FuzzFinding(`persistence changed\n${wire}`);
  }
}

function bodyOf(encoder: RequestEncoder | ResponseEncoder, message: FuzzMessage): string {
  const half = message.body.length >> 1;
  let wire = '';
  for (const piece of [message.body.slice(0, half), '', message.body.slice(half)]) {
    wire += encoder.dataPrefix(piece.length) + piece + encoder.dataSuffix;
  }
  return wire + encoder.end(message.trailers);
}

function expectAgain(
  message: FuzzMessage,
  again: { readonly methods: readonly string[] | undefined; readonly wire: string },
): FuzzMessage['head'] {
  const wire = Buffer.from(again.wire, 'latin1');
  const run = runCase(
    { limits: ROUND_TRIP_LIMITS, methods: again.methods, eof: true, cutSeed: 0, wire },
    [wire],
    false,
  );
  const described = run.messages.map(describeMessage).join();
  const first = run.messages[0];
  if (first === undefined || run.outcome !== 'need-data' || described !== describeMessage(message)) {
    throw new FuzzFinding(
      `${describeMessage(message)}\ncame back as ${run.outcome}: ${described}\n${again.wire}`,
    );
  }
  return first.head;
}

function describeMessage({ head, body, trailers, ended }: FuzzMessage): string {
  const line = head instanceof DecodedRequestHead ? [head.method, head.target, head.host] : [head.status];
  const fields = head.headers.getAll().filter(([name]) => !OWN_FIELDS.has(name.toLowerCase()));
  return JSON.stringify([line, fields, body, trailers?.getAll(), ended]);
}

function without(headers: HTTPHeaders, names: readonly string[]): HTTPHeaders {
  const copy = new HTTPHeaders();
  for (const [name, value] of headers.getAll()) {
    if (!names.includes(name.toLowerCase())) copy.add(name, value);
  }
  return copy;
}
