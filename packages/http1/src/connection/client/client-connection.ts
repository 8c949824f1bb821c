// The client room knows one connection: one request after the other, and upgrades. It does not know pools or redirects.

import { IOLoop, isThenable, reportRejection } from '@landspout/ioloop';
import { type OptionNames, optionsProblem } from '@landspout/ioloop/errors';
import { INSPECT, inspectedText, inspection } from '@landspout/ioloop/inspection';
import type { IOStream, StreamConsumer } from '@landspout/iostream';
import {
  DATA,
  END,
  HEAD,
  type Http1Limits,
  Http1ProtocolError,
  NEED_DATA,
  RequestEncoder,
  ResponseDecoder,
} from '../../protocol/index.ts';
import { HTTPClosedError, HTTPUsageError } from '../errors.ts';
import type { ClientRequest, HTTPResponseDelegate } from './client-delegate.ts';

/**
 * Where a connection stands.
 *
 * - idle: no request is under way, and one may be sent
 * - receiving: a request was begun, and its response is not complete
 * - held: as receiving, but the delegate's promise holds back what comes next
 * - over: closed, about to be, or detached
 */
type State = 'idle' | 'receiving' | 'held' | 'over';

export interface ClientConnectionOptions {
  readonly limits?: Partial<Http1Limits>;
  /** The stream is closed. Not called after {@link ClientConnection.detach}. `error` where it was no orderly end. */
  readonly connectionEnded?: (error: Error | undefined) => void;
}

const CONNECTION_OPTIONS: OptionNames<ClientConnectionOptions> = { limits: true, connectionEnded: true };

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
export class ClientConnection implements StreamConsumer {
  readonly stream: IOStream;
  readonly #decoder: ResponseDecoder;
  readonly #encoder = new RequestEncoder();
  readonly #connectionEnded: ((error: Error | undefined) => void) | undefined;
  #state: State = 'idle';
  #request: ClientRequest | undefined;
  #delegate: HTTPResponseDelegate | undefined;
  /** All of the request's body was handed to the stream. */
  #requestComplete = true;
  /** Bytes came since the request was begun. */
  #responseBegun = false;
  /** HTTP ends with this response: the stream may be detached. */
  #tunnel = false;
  #peerEnded = false;
  #pumping = false;
  #paused = false;

  /** @throws HTTPUsageError, Http1UsageError for an option that is not known or invalid; the stream is as it was then. */
  constructor(stream: IOStream, options: ClientConnectionOptions = {}) {
    const problem = optionsProblem(options, CONNECTION_OPTIONS);
    if (problem !== undefined) throw new HTTPUsageError(`ClientConnection: ${problem}`);
    this.stream = stream;
    this.#decoder = new ResponseDecoder(options.limits);
    this.#connectionEnded = options.connectionEnded;
    stream.setConsumer(this);
    stream.resume();
  }

  /** Whether a request can be sent now. */
  get isIdle(): boolean {
    return this.#state === 'idle' && !this.stream.isClosed;
  }

  /** Whether any byte came since the last request was begun; if not, the peer may never have seen it. */
  get responseBegun(): boolean {
    return this.#responseBegun;
  }

  /** Whether more of the request's body is wanted. False once it is complete, or nobody will read it. */
  get wantsBody(): boolean {
    return !this.#requestComplete && this.#state !== 'over';
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
    if (this.#state === 'over' || this.stream.isClosed) {
      const cause = this.stream.error;
      throw new HTTPClosedError('ERR_HTTP_CLOSED', 'the connection ended before the request', { cause });
    }
    if (this.#state !== 'idle') throw new HTTPUsageError('begin: another request is under way');
    const head = this.#encoder.head(request.method, request.target, request.headers, request.bodyBytes);
    this.#decoder.expect(request.method);
    this.#state = 'receiving';
    this.#request = request;
    this.#delegate = delegate;
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
    if (!this.#tunnel || this.#state === 'over') {
      throw new HTTPUsageError('detach: the response does not switch protocols, or its moment has passed');
    }
    const { stream } = this;
    this.#state = 'over';
    this.#delegate = undefined;
    stream.setConsumer(undefined);
    stream.unread(this.#decoder.takeRest());
    return stream;
  }

  // ---- events of the stream ----

  received(bytes: Buffer, start: number, end: number): void {
    if (this.#state === 'over') return;
    this.#responseBegun = true;
    this.#decoder.receive(bytes, start, end);
    if (this.#state !== 'held') {
      this.#pump();
      return;
    }
    this.#decoder.hold();
    this.#pause();
  }

  ended(): void {
    if (this.#state === 'over') return;
    this.#peerEnded = true;
    this.#decoder.endOfInput();
    if (this.#state === 'idle') this.#end(undefined);
    else if (this.#state === 'receiving') this.#pump();
  }

  drained(): void {}

  closed(error: Error | undefined): void {
    const cause = error === undefined ? {} : { cause: error };
    this.#end(new HTTPClosedError('ERR_HTTP_CLOSED', closedMessage(error), cause));
    reportRejection(this.#connectionEnded?.(error), logFailure);
  }

  // ---- the pump ----

  [INSPECT](): object {
    return inspection(this, [], () => ({
      state: this.#state,
      method: this.#request?.method,
      target: this.#request === undefined ? undefined : inspectedText(this.#request.target),
    }));
  }

  /** Decodes and delivers until bytes or the delegate make it wait. Idle, it only finds out what is wrong. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#state === 'receiving' || this.#state === 'idle') {
        const event = this.#decoder.next();
        if (event === NEED_DATA) break;
        if (event === HEAD) this.#deliverHead();
        else if (event === DATA) this.#deliverData();
        else if (event === END) this.#deliverEnd();
      }
    } catch (error) {
      this.#end(asError(error));
    } finally {
      this.#pumping = false;
    }
    this.#settle();
  }

  /** After the pump: keeps what was not decoded, and asks for more where more is wanted. */
  #settle(): void {
    switch (this.#state) {
      case 'over':
        return;
      case 'held':
        // Not paused before more comes: most promises settle sooner, and a pause costs two changes of interest.
        this.#decoder.hold();
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
    if (!this.#paused) return;
    this.#paused = false;
    this.stream.resume();
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.stream.pause();
  }

  #deliverHead(): void {
    const request = this.#request as ClientRequest;
    const { head } = this.#decoder;
    // RFC 9110 §15.2.2: a server switches only to what the client has offered.
    if (head.status === 101 && !request.headers.has('Upgrade')) {
      throw new Http1ProtocolError(
        'ERR_HTTP1_UNSOLICITED_RESPONSE',
        'a 101 came, but no Upgrade was offered',
      );
    }
    this.#tunnel =
      head.status === 101 || (request.method === 'CONNECT' && head.status >= 200 && head.status < 300);
    if (request.maxBodyBytes !== undefined) this.#decoder.maxBodyBytes = request.maxBodyBytes;
    this.#waitFor(this.#delegate?.headersReceived(head));
  }

  #deliverData(): void {
    const { data, dataStart, dataEnd } = this.#decoder;
    // Lent bytes stop here: what the delegate gets is its own.
    this.#waitFor(this.#delegate?.dataReceived(Buffer.from(data.subarray(dataStart, dataEnd))));
  }

  #deliverEnd(): void {
    const delegate = this.#delegate;
    if (this.#tunnel) {
      reportRejection(delegate?.finish(undefined), logFailure);
      this.#delegate = undefined;
      this.#end(undefined);
      return;
    }
    this.#delegate = undefined;
    this.#state = 'idle';
    if (!this.#isReusable()) this.#end(undefined);
    reportRejection(delegate?.finish(this.#decoder.trailers), logFailure);
  }

  /** Whether both sides agree that another request may follow (RFC 9112 §9.3), and nothing is left of this one. */
  #isReusable(): boolean {
    if (!this.#decoder.head.keepAlive || this.#peerEnded) return false;
    // Answered before the request was taken: the peer may never read the rest of it.
    if (!this.#requestComplete || this.stream.queuedBytes > 0) return false;
    // What is there already cannot be the answer to a request that was not sent.
    if (this.#decoder.bufferedBytes > 0) return false;
    return !LISTS_CLOSE.test(this.#request?.headers.get('Connection') ?? '');
  }

  /** Holds back what comes next until the delegate's promise settles. */
  #waitFor(waiting: unknown): void {
    if (!isThenable(waiting)) return;
    const delegate = this.#delegate;
    const failed = (error: unknown): void => {
      if (this.#delegate === delegate) this.#end(asError(error));
    };
    if (this.#state !== 'receiving') {
      reportRejection(waiting, failed);
      return;
    }
    this.#state = 'held';
    Promise.resolve(waiting).then(() => {
      if (this.#state !== 'held' || this.#delegate !== delegate) return;
      this.#state = 'receiving';
      this.#pump();
    }, failed);
  }

  // ---- the end ----

  /** Ends the connection; a delegate that waits for a response hears why, once. */
  #end(reason: Error | undefined): void {
    const delegate = this.#delegate;
    this.#delegate = undefined;
    this.#request = undefined;
    this.#state = 'over';
    this.stream.close(reason);
    const told = reason ?? new HTTPClosedError('ERR_HTTP_CLOSED', 'the connection was closed');
    reportRejection(delegate?.connectionClosed(told), logFailure);
  }

  #mayWrite(operation: string): boolean {
    if (this.#state === 'over') return false;
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
