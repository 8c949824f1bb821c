// The testing/ folder is the other end of a client's connections in memory: it speaks HTTP/1.1 to the client as a server
// does, with responses from rules, from a recording or from the network.

import { type Clock, IOLoop, SystemError } from '@landspout/ioloop';
import { type OptionNames, shownText } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { onAbort } from '@landspout/ioloop/reactor';
import { type IOStream, StreamConnectError } from '@landspout/iostream';
import { AsyncHTTPClient } from '../fetch/async-http-client.ts';
import type { Connect, ConnectTarget } from '../fetch/dialer.ts';
import { ConnectRule, type MockOrigin } from './connect-rule.ts';
import { MockTransportError, MockUsageError, mockChecks } from './errors.ts';
import { type ConnectionMaster, MockConnection } from './mock-connection.ts';
import type { MockFailure } from './mock-failure.ts';
import { type MockRequest, RequestLog } from './mock-request.ts';
import type { PreparedResponse } from './mock-response.ts';
import {
  listed,
  type MockReply,
  type MockResponder,
  MockRule,
  type MockRuleOptions,
  type MockUrl,
} from './mock-rules.ts';
import { type MockSource, NetworkRecorder, Replay } from './mock-source.ts';
import type { Recording } from './recording.ts';

export interface MockTransportOptions {
  /** Default: the loop of this thread. Its clock measures `delayMs`, so it should be the loop of the client. */
  readonly loop?: IOLoop;
  /** Maximum size of the body of one request; a fetch with a larger one fails. Default: 16 MiB. */
  readonly maxBodyBytes?: number;
  /** How many {@link MockTransport.requests} are kept; the oldest are forgotten first. Default: 1,000. */
  readonly maxRequests?: number;
  /** The size of the bodies of {@link MockTransport.requests} together. Default: 64 MiB. */
  readonly maxRequestBytes?: number;
}

export interface RecordingOptions extends MockTransportOptions {
  /** Sends the requests. The caller closes it. Default: a client of its own, which is closed with the transport. */
  readonly client?: AsyncHTTPClient;
  /**
   * Whether to record header fields with credentials: Authorization, Cookie, Set-Cookie, Proxy-*, and fields whose names
   * end with token, secret, password or api-key. URLs and bodies are always recorded as they are. Default: false.
   */
  readonly keepCredentials?: boolean;
  /** The number of exchanges after which further fetches fail. Default: 10,000. */
  readonly maxExchanges?: number;
  /** The size of all recorded bodies together, after which further fetches fail. Default: 64 MiB. */
  readonly maxRecordingBytes?: number;
}

/** Counts of connections since the transport was created. */
export interface MockConnectionCounts {
  /** Those that were opened. */
  readonly opened: number;
  /** Those that are open now, idle ones included. */
  readonly open: number;
  /** Those that were not opened because of `onConnect`. */
  readonly failed: number;
}

const MIB = 1024 * 1024;
const TRANSPORT_OPTIONS: OptionNames<MockTransportOptions> = {
  loop: true,
  maxBodyBytes: true,
  maxRequests: true,
  maxRequestBytes: true,
};
const RECORDING_OPTIONS: OptionNames<RecordingOptions> = {
  ...TRANSPORT_OPTIONS,
  client: true,
  keepCredentials: true,
  maxExchanges: true,
  maxRecordingBytes: true,
};
/** Unmatched requests to remember for `assertDone`. */
const MAX_UNMATCHED = 20;

/**
 * Takes the place of the network for an AsyncHTTPClient: its connections end here, in memory, and requests get the
 * responses of rules. Everything else works as with a real server: the pool, keep-alive, redirects, decompression,
 * cookies, streaming, timeouts. There is no TLS, for https neither.
 *
 * If no rule matches a request, the fetch rejects with HTTPStreamClosedError; its `cause` is a MockTransportError
 * `ERR_MOCK_UNMATCHED` that lists the rules.
 *
 * @example
 * const mock = new MockTransport();
 * mock.on('GET', 'https://api.example/users/1', { json: { name: 'Ada' } });
 * const client = new AsyncHTTPClient({ connect: mock.connect });
 * expect((await client.fetch('https://api.example/users/1')).json()).toEqual({ name: 'Ada' });
 * mock.assertDone();
 */
export class MockTransport {
  readonly #master: ConnectionMaster;
  readonly #source: MockSource | undefined;
  readonly #log: RequestLog;
  readonly #rules: MockRule[] = [];
  readonly #connectRules: ConnectRule[] = [];
  readonly #connections = new Set<MockConnection>();
  /** Descriptions of the first of them. */
  readonly #unmatched: string[] = [];
  #unmatchedCount = 0;
  #opened = 0;
  #failed = 0;
  #isClosed = false;

  /**
   * Creates a transport that passes requests without a rule to the network, and records them; see {@link recorded}.
   * Redirects are recorded one by one, and bodies with their content coding.
   *
   * @throws MockUsageError `ERR_MOCK_USAGE` if an option is unknown or invalid.
   */
  static recording(options: RecordingOptions = {}): MockTransport {
    mockChecks.options('MockTransport.recording', options, RECORDING_OPTIONS);
    const { client, keepCredentials = false, maxExchanges = 10_000, maxRecordingBytes, ...others } = options;
    mockChecks.boolean('MockTransport.recording', 'keepCredentials', keepCredentials);
    mockChecks.wholeNumber('MockTransport.recording', 'maxExchanges', maxExchanges, 1);
    const maxBytes = maxRecordingBytes ?? 64 * MIB;
    mockChecks.wholeNumber('MockTransport.recording', 'maxRecordingBytes', maxBytes);
    if (client !== undefined)
      mockChecks.withMethods('MockTransport.recording', 'an AsyncHTTPClient', client, 'fetch');
    const { loop } = others;
    const own = client ?? new AsyncHTTPClient(loop === undefined ? {} : { loop });
    const ownsClient = client === undefined;
    const settings = {
      client: own,
      ownsClient,
      keepCredentials,
      maxExchanges,
      maxBytes,
    };
    return new MockTransport(others, new NetworkRecorder(settings));
  }

  /**
   * Creates a transport that responds with a recording. Requests with the same method and URL (with its query) get
   * their responses in the order of the recording, each once. Rules go before the recording.
   *
   * @throws MockUsageError `ERR_MOCK_RECORDING` if the recording is invalid, `ERR_MOCK_USAGE` if an option is.
   */
  static replay(recording: Recording, options: MockTransportOptions = {}): MockTransport {
    return new MockTransport(options, new Replay(recording));
  }

  /**
   * @param source - internal: see `recording` and `replay`.
   * @throws MockUsageError `ERR_MOCK_USAGE` if an option is unknown or invalid.
   */
  constructor(options: MockTransportOptions = {}, source?: MockSource) {
    mockChecks.options('MockTransport', options, TRANSPORT_OPTIONS);
    const count = (name: string, value: number): number =>
      mockChecks.wholeNumber('MockTransport', name, value);
    const maxRequests = count('maxRequests', options.maxRequests ?? 1_000);
    this.#log = new RequestLog(maxRequests, count('maxRequestBytes', options.maxRequestBytes ?? 64 * MIB));
    this.#source = source;
    const clock: Clock = (options.loop ?? IOLoop.current()).clock;
    this.#master = {
      clock,
      maxBodyBytes: count('maxBodyBytes', options.maxBodyBytes ?? 16 * MIB),
      replyTo: (request, signal) => this.#replyTo(request, signal),
      connectionClosed: (connection) => void this.#connections.delete(connection),
    };
  }

  /** The option `connect` of an AsyncHTTPClient. May be used by several clients. */
  readonly connect: Connect = (target) => this.#connect(target);

  /** The requests that were received completely, in order; the oldest may have been forgotten, see the options. */
  get requests(): readonly MockRequest[] {
    return this.#log.requests;
  }

  get connections(): MockConnectionCounts {
    return {
      opened: this.#opened,
      open: this.#connections.size,
      failed: this.#failed,
    };
  }

  /**
   * Adds a rule. The first rule that matches responds, in the order in which the rules were added; a rule that is used
   * up is skipped. So the responses of a URL can be listed in the order in which they are to be sent, each with
   * `times: 1`.
   *
   * @param method - in the same case as it is sent, or `*` for any.
   * @param url - an absolute URL, or a path on any host: without a query, any query matches. A regular expression for
   *   the whole URL. Or a function that returns whether the request matches.
   * @param reply - a response, a failure (see `fail`), or a function that returns one of them.
   * @throws MockUsageError `ERR_MOCK_USAGE`; Http1UsageError if a header must not be sent.
   */
  on(method: string, url: MockUrl, reply: MockReply | MockResponder, options: MockRuleOptions = {}): this {
    const rule = new MockRule(method, url, reply, options);
    if (options.first === true) this.#rules.unshift(rule);
    else this.#rules.push(rule);
    return this;
  }

  /**
   * Makes connections fail. Rules are used in order, as those of {@link on}; if none matches, a connection is opened.
   *
   * @param origin - such as `https://example.com:8443`, a regular expression for it, or `*` for any.
   * @param failure - `fail.refuse()`, `fail.resolve()` or `fail.hang()`.
   * @throws MockUsageError `ERR_MOCK_USAGE` if an argument is invalid.
   */
  onConnect(origin: MockOrigin, failure: MockFailure, options: MockRuleOptions = {}): this {
    const rule = new ConnectRule(origin, failure, options);
    if (options.first === true) this.#connectRules.unshift(rule);
    else this.#connectRules.push(rule);
    return this;
  }

  /** Removes all rules, and forgets the requests. Connections stay open, and their counts are kept. */
  clear(): void {
    this.#rules.length = 0;
    this.#connectRules.length = 0;
    this.#unmatched.length = 0;
    this.#unmatchedCount = 0;
    this.#log.clear();
  }

  /** The exchanges so far, in the order in which they ended. @throws MockUsageError unless this is a recording. */
  recorded(): Recording {
    const recording = this.#source?.recorded();
    if (recording !== undefined) return recording;
    const problem = 'recorded: only a transport of MockTransport.recording records';
    throw new MockUsageError('ERR_MOCK_USAGE', problem);
  }

  /**
   * @throws MockTransportError `ERR_MOCK_PENDING` if a rule was used less than its `times`, if a recorded response was
   *   not used, or if a request was not matched.
   */
  assertDone(): void {
    const rules = [...this.#connectRules, ...this.#rules].filter(({ uses }) => uses.isPending).map(String);
    const pending = [...rules, ...(this.#source?.pending() ?? [])];
    const problems: string[] = [];
    if (pending.length > 0) problems.push(`not used: ${listed(pending)}`);
    if (this.#unmatchedCount > 0)
      problems.push(`requests without a rule: ${listed(this.#unmatched, this.#unmatchedCount)}`);
    if (problems.length > 0)
      throw new MockTransportError('ERR_MOCK_PENDING', `assertDone: ${problems.join('; ')}`);
  }

  /** Closes all connections, and refuses new ones. Resolves when the client of a recording is closed, if it is its own. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const connection of [...this.#connections]) connection.close();
    await this.#source?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  [INSPECT](): object {
    return inspection(this, ['connections'], () => ({
      rules: this.#rules.map(String),
      requests: this.requests.length,
      connect: undefined,
    }));
  }

  async #connect({ host, port, secure, signal }: ConnectTarget): Promise<IOStream> {
    const scheme = secure ? 'https' : 'http';
    const name = host.includes(':') ? `[${host}]` : host;
    const origin = `${scheme}://${name}${port === (secure ? 443 : 80) ? '' : `:${port}`}`;
    const rule = this.#connectRules.find((candidate) => candidate.matches(origin));
    rule?.uses.count();
    const kind = this.#isClosed ? 'refuse' : rule?.kind;
    if (kind === undefined) {
      this.#opened += 1;
      const connection = new MockConnection(origin, this.#opened, this.#master);
      this.#connections.add(connection);
      void connection.serve();
      return connection.client;
    }
    this.#failed += 1;
    if (kind === 'refuse') throw new SystemError('ECONNREFUSED', 'connect', `${name}:${port}`);
    if (kind === 'resolve')
      throw new StreamConnectError('ERR_STREAM_RESOLVE', `resolve ${shownText(host, 100)}: ENOTFOUND`);
    return new Promise((_, reject) => onAbort(signal, reject));
  }

  async #replyTo(request: MockRequest, signal: AbortSignal): Promise<PreparedResponse | MockFailure> {
    this.#log.add(request);
    const rule = this.#rules.find((candidate) => candidate.matches(request));
    if (rule !== undefined) {
      rule.uses.count();
      return rule.replyTo(request);
    }
    const reply = await this.#source?.replyTo(request, signal);
    if (reply !== undefined) return reply;
    const what = `${request.method} ${shownText(request.url, 300)}`;
    this.#unmatchedCount += 1;
    if (this.#unmatched.length < MAX_UNMATCHED) this.#unmatched.push(what);
    const lines = [...this.#rules.map(String), ...(this.#source?.pending() ?? [])];
    const rules = lines.length === 0 ? 'there are no rules' : `the rules are ${listed(lines)}`;
    throw new MockTransportError('ERR_MOCK_UNMATCHED', `no rule matches ${what}: ${rules}`);
  }
}
