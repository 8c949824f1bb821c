// The client room knows one connection: one request after the other, and upgrades. It does not know pools or redirects.

import { IOLoop } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspectedText, inspection } from '@landspout/ioloop/inspection';
import { isThenable, reportRejection } from '@landspout/ioloop/reactor';
import type { IOStream, StreamConsumer } from '@landspout/iostream';
import {
  type Http1Limits,
  Http1ProtocolError,
  RequestEncoder,
  ResponseDecoder,
  ScanView,
} from '../../protocol/index.ts';
import { connectionChecks, HTTPClosedError, HTTPUsageError } from '../errors.ts';
import { MessagePump, type PumpedConnection } from '../message-pump.ts';
import type { ClientRequest, HTTPResponseDelegate } from './client-delegate.ts';

/** A request that was begun, until its response is complete. */
interface Exchange {
  /** Held: the delegate's promise holds back what comes next. */
  stage: 'receiving' | 'held';
  readonly request: ClientRequest;
  readonly delegate: HTTPResponseDelegate;
}

/** No request is under way, and one may be sent. */
const IDLE = { stage: 'idle' } as const;
/** Closed, about to be, or detached. */
const OVER = { stage: 'over' } as const;

/** Where a connection stands; {@link ClientConnection.#enter} alone assigns it. */
type State = typeof IDLE | typeof OVER | Exchange;

export interface ClientConnectionOptions {
  readonly limits?: Partial<Http1Limits>;
  /** The stream is closed. Not called after {@link ClientConnection.detach}. `error` where it was no orderly end. */
  readonly connectionEnded?: (error: Error | undefined) => void;
}

const CONNECTION_OPTIONS: OptionNames<ClientConnectionOptions> = { limits: true, connectionEnded: true };

/** Shared by all connections of a thread, as they read into the one receive buffer of its loop. */
const VIEW = new ScanView();

const LISTS_CLOSE = /(?:^|,)[ \t]*close[ \t]*(?:,|$)/i;

/**
 * The client's side of one HTTP/1.1 connection: pumps an encoder and a decoder over one stream (RFC 9112).
 *
 * One request at a time, never pipelined, so that a failure leaves no doubt about which request it hit. An idle
 * connection goes on reading: the peer's end is noticed at once, and bytes that nobody asked for
 * (`ERR_HTTP1_UNSOLICITED_RESPONSE`) end it, since they would be taken for the next response.
 *
 * Has no deadlines: whoever owns it calls {@link abort}.
 */
export class ClientConnection implements StreamConsumer, PumpedConnection {
  readonly stream: IOStream;
  readonly #pump: MessagePump<ResponseDecoder>;
  readonly #encoder = new RequestEncoder();
  readonly #connectionEnded: ((error: Error | undefined) => void) | undefined;
  #state: State = IDLE;
  /** All of the request's body was handed to the stream. */
  #requestComplete = true;
  /** Bytes came since the request was begun. */
  #responseBegun = false;
  /** HTTP ends with this response: the stream may be detached. */
  #tunnel = false;
  #peerEnded = false;

  /** @throws HTTPUsageError, Http1UsageError for an option that is not known or invalid; the stream is as it was then. */
  constructor(stream: IOStream, options: ClientConnectionOptions = {}) {
    connectionChecks.options('ClientConnection', options, CONNECTION_OPTIONS);
    this.stream = stream;
    this.#pump = new MessagePump(new ResponseDecoder(options.limits, VIEW));
    this.#pump.attach(this);
    this.#connectionEnded = options.connectionEnded;
    stream.setConsumer(this);
    stream.resume();
  }

  /** Whether a request can be sent now. */
  get isIdle(): boolean {
    return this.#state === IDLE && !this.stream.isClosed;
  }

  /** Whether any byte came since the last request was begun; if not, the peer may never have seen it. */
  get responseBegun(): boolean {
    return this.#responseBegun;
  }

  /** Whether more of the request's body is wanted. False once it is complete, or nobody will read it. */
  get wantsBody(): boolean {
    return !this.#requestComplete && this.#state !== OVER;
  }

  // ---- the request ----

  /**
   * Begins a request. With a body, {@link write} and {@link finish} follow; without one it is complete.
   *
   * @throws Http1UsageError when something in it must not reach the wire; HTTPUsageError while another request is
   *   under way; HTTPClosedError on a connection that has ended. Nothing was written then, and the delegate hears
   *   nothing.
   */
  begin(request: ClientRequest, delegate: HTTPResponseDelegate): void {
    if (this.#state === OVER || this.stream.isClosed) {
      const cause = this.stream.error;
      throw new HTTPClosedError('ERR_HTTP_CLOSED', 'the connection ended before the request', { cause });
    }
    if (this.#state !== IDLE) throw new HTTPUsageError('begin: another request is under way');
    const head = this.#encoder.head(request.method, request.target, request.headers, request.bodyBytes);
    this.#pump.decoder.expect(request.method);
    this.#enter({ stage: 'receiving', request, delegate });
    this.#requestComplete = false;
    this.#responseBegun = false;
    this.stream.send(head);
    if (request.bodyBytes === 0) this.finish();
  }

  /**
   * Writes more of the request's body; see {@link waitDrained} for the pace. Ignored once nobody will read it.
   *
   * @throws Http1UsageError `ERR_HTTP1_BODY_LONG` for more than was announced: the connection is then closed.
   */
  write(chunk: Uint8Array): void {
    if (chunk.length === 0 || !this.#mayWrite('write')) return;
    const prefix = this.#orEnd(() => this.#encoder.dataPrefix(chunk.length));
    if (prefix !== '') this.stream.send(prefix);
    this.stream.send(chunk);
    if (this.#encoder.dataSuffix !== '') this.stream.send(this.#encoder.dataSuffix);
  }

  /** Completes the request. @throws Http1UsageError `ERR_HTTP1_BODY_SHORT`: the connection is then closed. */
  finish(): void {
    if (!this.#mayWrite('finish')) return;
    const last = this.#orEnd(() => this.#encoder.end());
    if (last !== '') this.stream.send(last);
    this.#requestComplete = true;
  }

  /** Waits until the peer has taken enough that writing more makes sense. @throws StreamClosedError */
  waitDrained(): Promise<void> {
    return this.stream.waitDrained();
  }

  /** Ends the connection now. The delegate hears of it before this returns. */
  abort(reason: Error): void {
    this.#end(reason);
  }

  /** Closes an idle connection, or cuts a busy one. */
  close(): void {
    this.#end(undefined);
  }

  /**
   * Takes the stream over, inside headersReceived or finish of a 101 or of a CONNECT that succeeded: what the peer
   * sent beyond the head comes first. No more HTTP happens on it, and the delegate hears nothing more.
   *
   * @throws HTTPUsageError at any other moment.
   */
  detach(): IOStream {
    if (!this.#tunnel || this.#state === OVER) {
      throw new HTTPUsageError('detach: the response does not switch protocols, or its moment has passed');
    }
    const { stream } = this;
    this.#enter(OVER);
    stream.setConsumer(undefined);
    stream.unread(this.#pump.decoder.takeRest());
    return stream;
  }

  // ---- events of the stream ----

  received(bytes: Buffer, start: number, end: number): void {
    if (this.#state === OVER) return;
    this.#responseBegun = true;
    this.#pump.decoder.receive(bytes, start, end);
    if (this.#state.stage === 'held') this.#pump.hold(0);
    else this.#pump.run();
  }

  ended(): void {
    if (this.#state === OVER) return;
    this.#peerEnded = true;
    this.#pump.decoder.endOfInput();
    if (this.#state === IDLE) this.#end(undefined);
    else if (this.#state.stage === 'receiving') this.#pump.run();
  }

  drained(): void {}

  closed(error: Error | undefined): void {
    const cause = error === undefined ? {} : { cause: error };
    this.#end(new HTTPClosedError('ERR_HTTP_CLOSED', closedMessage(error), cause));
    reportRejection(this.#connectionEnded?.(error), logFailure);
  }

  [INSPECT](): object {
    const exchange = this.#exchange;
    return inspection(this, [], () => ({
      state: this.#state.stage,
      method: exchange?.request.method,
      target: exchange === undefined ? undefined : inspectedText(exchange.request.target),
    }));
  }

  // ---- what the pump delivers ----

  /** Idle, it only finds out what is wrong. */
  get takesEvents(): boolean {
    return this.#state === IDLE || this.#state.stage === 'receiving';
  }

  deliverHead(): void {
    const exchange = this.#exchange as Exchange;
    const { request, delegate } = exchange;
    const { decoder } = this.#pump;
    const { head } = decoder;
    // RFC 9110 §15.2.2: a server switches only to what the client has offered.
    if (head.status === 101 && !request.headers.has('Upgrade')) {
      throw new Http1ProtocolError(
        'ERR_HTTP1_UNSOLICITED_RESPONSE',
        'a 101 came, but no Upgrade was offered',
      );
    }
    this.#tunnel =
      head.status === 101 || (request.method === 'CONNECT' && head.status >= 200 && head.status < 300);
    if (request.maxBodyBytes !== undefined) decoder.maxBodyBytes = request.maxBodyBytes;
    this.#waitFor(delegate.headersReceived(head), exchange);
  }

  deliverData(): void {
    const exchange = this.#exchange as Exchange;
    const { data, dataStart, dataEnd } = this.#pump.decoder;
    // Lent bytes stop here: what the delegate gets is its own.
    this.#waitFor(exchange.delegate.dataReceived(Buffer.from(data.subarray(dataStart, dataEnd))), exchange);
  }

  deliverEnd(): boolean {
    const { request, delegate } = this.#exchange as Exchange;
    if (this.#tunnel) {
      reportRejection(delegate.finish(undefined), logFailure);
      // Unless it was detached just now.
      if (this.#exchange !== undefined) {
        this.#enter(IDLE);
        this.#end(undefined);
      }
      return false;
    }
    const { decoder } = this.#pump;
    this.#enter(IDLE);
    if (!this.#isReusable(request)) this.#end(undefined);
    reportRejection(delegate.finish(decoder.trailers), logFailure);
    return this.#state === IDLE;
  }

  /** The decoder knows of the peer's end, and says what it makes of the response. */
  deliverPeerEnd(): boolean {
    return false;
  }

  pumped(): void {
    switch (this.#state.stage) {
      case 'over':
        return;
      case 'held':
        // Not paused before more comes: most promises settle sooner, and a pause costs two changes of interest.
        this.#pump.hold(Number.POSITIVE_INFINITY);
        return;
      case 'receiving':
        // A decoder that still wants bytes after the end has seen nothing of a response.
        if (this.#peerEnded) {
          this.#end(
            new HTTPClosedError('ERR_HTTP_CLOSED', 'the peer ended the connection without a response'),
          );
          return;
        }
        break;
      case 'idle':
    }
    this.#pump.resume();
  }

  released(exchange: Exchange): boolean {
    if (this.#state !== exchange || exchange.stage !== 'held') return false;
    exchange.stage = 'receiving';
    return true;
  }

  rejected(error: unknown, exchange: Exchange): void {
    if (this.#state === exchange) this.failed(error);
  }

  failed(error: unknown): void {
    this.#end(asError(error));
  }

  /** Whether both sides agree that another request may follow (RFC 9112 §9.3), and nothing is left of this one. */
  #isReusable(request: ClientRequest): boolean {
    const { decoder } = this.#pump;
    if (!decoder.head.keepAlive || this.#peerEnded) return false;
    // Answered before the request was taken: the peer may never read the rest of it.
    if (!this.#requestComplete || this.stream.queuedBytes > 0) return false;
    // What is there already cannot be the answer to a request that was not sent.
    if (decoder.bufferedBytes > 0) return false;
    return !LISTS_CLOSE.test(request.headers.get('Connection') ?? '');
  }

  /** Holds back what comes next until the delegate's promise settles. */
  #waitFor(waiting: unknown, exchange: Exchange): void {
    if (!isThenable(waiting)) return;
    if (this.#state !== exchange || exchange.stage !== 'receiving') {
      reportRejection(waiting, (error) => this.rejected(error, exchange));
      return;
    }
    exchange.stage = 'held';
    this.#pump.waitFor(waiting, exchange);
  }

  // ---- the end ----

  /** The one place where the state is assigned. A request's own stage changes in its exchange. */
  #enter(state: State): void {
    this.#state = state;
  }

  get #exchange(): Exchange | undefined {
    return 'delegate' in this.#state ? this.#state : undefined;
  }

  /** Ends the connection; a delegate that waits for a response is notified of the reason, once. */
  #end(reason: Error | undefined): void {
    const exchange = this.#exchange;
    this.#enter(OVER);
    this.stream.close(reason);
    const told = reason ?? new HTTPClosedError('ERR_HTTP_CLOSED', 'the connection was closed');
    reportRejection(exchange?.delegate.connectionClosed(told), logFailure);
  }

  #mayWrite(operation: string): boolean {
    if (this.#state === OVER) return false;
    if (this.#requestComplete) throw new HTTPUsageError(`${operation}: the request is complete`);
    return true;
  }

  /** A body that is not as long as announced must not look like one: the peer sees the connection fail. */
  #orEnd(encode: () => string): string {
    try {
      return encode();
    } catch (error) {
      this.#end(asError(error));
      throw error;
    }
  }
}

/** The response is over, so that it cannot fail any more. */
function logFailure(error: unknown): void {
  IOLoop.current().logger.error({ error }, 'the delegate of a response failed after its end');
}

function closedMessage(error: Error | undefined): string {
  const why = error === undefined ? '' : `: ${error.message}`;
  return `the connection ended before the response was complete${why}`;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
