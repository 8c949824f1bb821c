import { Buffer, isUtf8 } from 'node:buffer';
import { HTTPHeaders } from '@landspout/http1';
import { parseAbsoluteUrl } from '@landspout/http1/protocol';
import { type OptionNames, optionsProblem, shownValue } from '@landspout/ioloop/errors';
import { MockUsageError } from './errors.ts';
import { DEFAULT_PORTS } from './mock-rules.ts';

/** Header fields in order, repeated ones included. */
export type RecordedHeaders = readonly (readonly [name: string, value: string])[];

/** A body: as text if it is UTF-8, else in base64. */
export type RecordedBody = { readonly text: string } | { readonly base64: string };

/** A request and its response. */
export interface RecordedExchange {
  readonly request: {
    readonly method: string;
    readonly url: string;
    readonly headers: RecordedHeaders;
    /** Missing if there is none. */
    readonly body?: RecordedBody;
  };
  readonly response: {
    readonly status: number;
    readonly reason: string;
    readonly headers: RecordedHeaders;
    /** As it was sent, without its transfer coding but with its content coding. Missing if there is none. */
    readonly body?: RecordedBody;
  };
}

/** Exchanges with real servers, in the order in which they ended. It can be stored as JSON. */
export interface Recording {
  readonly version: 1;
  readonly exchanges: readonly RecordedExchange[];
}

const RECORDING: OptionNames<Recording> = { version: true, exchanges: true };
const EXCHANGE: OptionNames<RecordedExchange> = {
  request: true,
  response: true,
};
const REQUEST: OptionNames<RecordedExchange['request']> = {
  method: true,
  url: true,
  headers: true,
  body: true,
};
const RESPONSE: OptionNames<RecordedExchange['response']> = {
  status: true,
  reason: true,
  headers: true,
  body: true,
};
const BODY: OptionNames<{ text: string; base64: string }> = {
  text: true,
  base64: true,
};
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Fields that contain credentials, and names that programs commonly use for such fields. */
const CREDENTIALS = /^authorization$|^proxy-|^(?:set-)?cookie2?$|(?:token|secret|password|api-?key)$/i;

/** Fields about one connection, and about framing. They are not part of the message (RFC 9110 §7.6.1). */
const CONNECTION_FIELDS: readonly string[] = [
  'Connection',
  'Keep-Alive',
  'Proxy-Connection',
  'TE',
  'Trailer',
  'Transfer-Encoding',
  'Upgrade',
];

/** Copies header fields without those about the connection. */
export function messageFields(headers: HTTPHeaders, ...others: readonly string[]): HTTPHeaders {
  const fields = headers.copy();
  for (const name of [...CONNECTION_FIELDS, ...others]) fields.delete(name);
  return fields;
}

export function recordHeaders(headers: HTTPHeaders, keepCredentials: boolean): RecordedHeaders {
  return headers.getAll().filter(([name]) => keepCredentials || !CREDENTIALS.test(name));
}

export function recordBody(bytes: Uint8Array): {
  readonly body?: RecordedBody;
} {
  if (bytes.length === 0) return {};
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    body: isUtf8(buffer) ? { text: buffer.toString() } : { base64: buffer.toString('base64') },
  };
}

/** A recorded response, ready to be sent. */
export interface ReplayedExchange {
  readonly method: string;
  readonly url: string;
  readonly status: number;
  readonly reason: string;
  readonly headers: HTTPHeaders;
  readonly body: Uint8Array | undefined;
}

/**
 * Checks a recording, which may come from a file, and decodes it.
 *
 * @throws MockUsageError `ERR_MOCK_RECORDING`; the message names the invalid part.
 */
export function readRecording(recording: Recording): ReplayedExchange[] {
  known('the recording', recording, RECORDING);
  if (recording.version !== 1) throw invalid('version', '1', recording.version);
  if (!Array.isArray(recording.exchanges)) throw invalid('exchanges', 'an array', recording.exchanges);
  return recording.exchanges.map((exchange: RecordedExchange, index) => readExchange(exchange, index));
}

function readExchange(exchange: RecordedExchange, index: number): ReplayedExchange {
  const at = `exchanges[${index}]`;
  known(at, exchange, EXCHANGE);
  known(`${at}.request`, exchange.request, REQUEST);
  known(`${at}.response`, exchange.response, RESPONSE);
  const { method, url } = exchange.request;
  const { status, reason, headers, body } = exchange.response;
  if (typeof method !== 'string') throw invalid(`${at}.request.method`, 'a text', method);
  if (!Number.isInteger(status) || status < 200 || status > 599)
    throw invalid(`${at}.response.status`, 'a number from 200 to 599', status);
  if (typeof reason !== 'string') throw invalid(`${at}.response.reason`, 'a text', reason);
  return {
    method,
    url: readUrl(`${at}.request.url`, url),
    status,
    reason,
    headers: readHeaders(`${at}.response.headers`, headers),
    body: body === undefined ? undefined : readBody(`${at}.response.body`, body),
  };
}

function readUrl(at: string, url: unknown): string {
  if (typeof url !== 'string') throw invalid(at, 'an absolute URL', url);
  try {
    return parseAbsoluteUrl(url, DEFAULT_PORTS).href;
  } catch (error) {
    throw new MockUsageError('ERR_MOCK_RECORDING', `replay: ${at}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function readHeaders(at: string, headers: unknown): HTTPHeaders {
  const isPair = (pair: unknown): pair is [string, string] =>
    Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === 'string');
  if (!Array.isArray(headers) || !headers.every(isPair))
    throw invalid(at, 'an array of names and values', headers);
  try {
    return messageFields(HTTPHeaders.from(headers));
  } catch (error) {
    throw new MockUsageError('ERR_MOCK_RECORDING', `replay: ${at}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function readBody(at: string, body: RecordedBody): Uint8Array {
  known(at, body as { text: string; base64: string }, BODY);
  const { text, base64 } = body as {
    readonly text?: unknown;
    readonly base64?: unknown;
  };
  if (typeof text === 'string' && base64 === undefined) return Buffer.from(text);
  if (typeof base64 === 'string' && text === undefined && BASE64.test(base64))
    return Buffer.from(base64, 'base64');
  throw invalid(at, 'either text or base64', text ?? base64);
}

function known<Options extends object>(at: string, value: Options, names: OptionNames<Options>): void {
  const problem = optionsProblem(value, names);
  if (problem !== undefined) throw new MockUsageError('ERR_MOCK_RECORDING', `replay: ${at}: ${problem}`);
}

function invalid(at: string, expected: string, value: unknown): MockUsageError {
  return new MockUsageError(
    'ERR_MOCK_RECORDING',
    `replay: ${at}: ${expected} was expected, not ${shownValue(value)}`,
  );
}
