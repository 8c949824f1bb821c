import { shownValue } from '@landspout/ioloop/errors';
import type { ListenOptions } from '@landspout/iostream';
import { StreamUsageError, type TlsServerOptions } from '@landspout/iostream';
import type { HTTPServerOptions } from '../options.ts';

/** What the options of node:http, node:https and `net.Server.listen` are here. */
export interface TranslatedOptions {
  readonly server: HTTPServerOptions;
  readonly listen: ListenOptions;
  readonly tls: TlsServerOptions | undefined;
}

type Part = keyof TranslatedOptions;
type Translation = readonly [part: Part, name: string, convert?: (value: never, name: string) => unknown];

/** Node's option, and where it goes. */
const TRANSLATED: Readonly<Record<string, Translation>> = {
  maxHeaderSize: ['server', 'maxHeadBytes'],
  headersTimeout: ['server', 'headerTimeoutMs'],
  requestTimeout: ['server', 'bodyTimeoutMs'],
  keepAliveTimeout: ['server', 'idleTimeoutMs'],
  backlog: ['server', 'backlog'],
  port: ['listen', 'port'],
  host: ['listen', 'host'],
  path: ['listen', 'path'],
  fd: ['listen', 'fd'],
  reusePort: ['listen', 'reusePort'],
  ipv6Only: ['listen', 'family', (value: unknown) => (value === true ? 'IPv6' : undefined)],
  cert: ['tls', 'cert', onePem],
  key: ['tls', 'key', onePem],
  ca: ['tls', 'ca'],
  passphrase: ['tls', 'passphrase'],
  ciphers: ['tls', 'ciphers'],
  minVersion: ['tls', 'minVersion'],
  maxVersion: ['tls', 'maxVersion'],
  requestCert: ['tls', 'requestCert'],
  rejectUnauthorized: ['tls', 'rejectUnauthorized'],
  handshakeTimeout: ['tls', 'handshakeTimeoutMs'],
  ticketKeys: ['tls', 'ticketKeys'],
  secureContext: ['tls', 'secureContext'],
};

/** Options without a counterpart whose usual values have no effect, or describe what is done anyway. */
const HARMLESS: Readonly<Record<string, readonly unknown[]>> = {
  http2: [false],
  allowHTTP1: [true],
  noDelay: [true],
  exclusive: [true, false],
  insecureHTTPParser: [false],
  requireHostHeader: [true],
  joinDuplicateHeaders: [true, false],
  allowHalfOpen: [true],
  pauseOnConnect: [false],
  rejectNonStandardBodyWrites: [true, false],
};

const REMEDIES: Readonly<Record<string, string>> = {
  http2: 'the server speaks HTTP/1.1; put a proxy that speaks HTTP/2 in front of it',
  pfx: 'convert the file to PEM and set cert and key',
  SNICallback: 'set tls: { certificates: [{ cert, key, names }] }',
  ALPNProtocols: 'set tls: { alpnProtocols }',
  signal: 'call server.close() when the signal aborts',
  IncomingMessage: 'wrap the request in the fetch handler',
  ServerResponse: 'wrap the response in the fetch handler',
  keepAlive: 'TCP keep-alive is not configurable; idleTimeoutMs closes idle connections',
  insecureHTTPParser: 'lenient parsing is not supported',
};

/**
 * Translates options of `http.createServer`, `https.createServer` and `net.Server.listen` into those of HTTPServer.
 *
 * @param option - the name of the option of `serve` that has them, for error messages.
 * @throws StreamUsageError `ERR_STREAM_USAGE` if an option has no counterpart; the message names the remedy.
 */
export function translateNodeOptions(option: string, options: object = {}): TranslatedOptions {
  if (typeof options !== 'object' || options === null) {
    throw refusal(`serve: ${option}: an object was expected, not ${shownValue(options)}`);
  }
  const parts: Record<Part, Record<string, unknown>> = { server: {}, listen: {}, tls: {} };
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || HARMLESS[name]?.includes(value) === true) continue;
    const translation = TRANSLATED[name];
    if (translation === undefined) throw unsupported(option, name);
    const [part, ours, convert] = translation;
    const converted = convert === undefined ? value : convert(value as never, `${option}.${name}`);
    if (converted !== undefined) parts[part][ours] = converted;
  }
  const { server, listen, tls } = parts;
  // A certificate whose value is undefined must not become HTTP.
  const isTls = Object.keys(tls).length > 0 || 'cert' in options || 'key' in options;
  return { server, listen, tls: isTls ? tls : undefined };
}

function unsupported(option: string, name: string): StreamUsageError {
  const remedy = REMEDIES[name] ?? 'see the options of HTTPServer for what can be set';
  return refusal(`serve: ${option}.${name} is not supported: ${remedy}`);
}

/** Node accepts lists of certificates for several types of key. */
function onePem(value: unknown, name: string): string | Buffer {
  const only: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value;
  if (typeof only === 'string' || Buffer.isBuffer(only)) return only;
  throw refusal(`serve: ${name}: PEM text or a Buffer was expected, not ${shownValue(value)}`);
}

function refusal(problem: string): StreamUsageError {
  return new StreamUsageError('ERR_STREAM_USAGE', problem);
}
