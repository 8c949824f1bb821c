import { Deadline, type DeadlineEntry, isCancellation } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { IOStream, SocketAddress, TlsInfo } from '@landspout/iostream';
import type { HTTPConnectionInfo } from '../../delegate.ts';
import { Http1ProtocolError } from '../../protocol/index.ts';
import {
  closedEarly,
  HTTPDeadlineError,
  HTTPInputError,
  headTooSlow,
  quietAfterPeerEnded,
} from '../errors.ts';
import { PeerPace } from './peer-pace.ts';
import { encodeRefusal, type Refusal } from './refusal.ts';
import type { ServerCodec } from './server-codecs.ts';
import type { ServerExchange } from './server-exchange.ts';
import type { ServerConnectionSettings } from './server-settings.ts';

/**
 * Where a connection stands.
 *
 * - idle: between requests, or in the middle of a head
 * - body: a head was delivered, and the body is being read
 * - held: the delegate's promise holds back what comes next
 * - answering: the request is complete, and its answer is not
 * - closing: no more requests; what was written leaves, and then the connection ends
 */
type State = 'idle' | 'body' | 'held' | 'answering' | 'closing';

/**
 * The life of one connection of a server: what is known of it, who is too slow on it, what is answered in place of a
 * delegate, and how it ends. The requests and answers on it are the business of ServerConnection, on which nothing here
 * depends.
 */
export abstract class ServerConnectionLife implements DeadlineEntry, HTTPConnectionInfo {
  readonly stream: IOStream;
  /** For the exchanges as well. */
  readonly settings: ServerConnectionSettings;
  protected readonly pace: PeerPace;
  protected state: State = 'idle';
  /** Held from a request's first byte to its answer's last; between requests there is none. */
  protected codec: ServerCodec | undefined;
  /** The request under way, until its answer is complete. */
  protected exchange: ServerExchange | undefined;
  /** Whether we have stopped to read. */
  protected paused = false;
  /** The last answer was complete only after the server began to stop, and its head had not said so. */
  protected hasOwnGrace = false;
  /** Made for the first response that a half-closed peer waits for. */
  #halfClosed: Deadline | undefined;
  /** What had left when {@link #halfClosed} was last looked at. */
  #halfClosedSent = 0;

  constructor(stream: IOStream, settings: ServerConnectionSettings) {
    this.stream = stream;
    this.settings = settings;
    this.pace = new PeerPace(settings, this);
    this.pace.set(settings.headerTimeoutMs);
    settings.monitor.connectionBegan(this);
  }

  // ---- what a delegate may know of it ----

  get remoteAddress(): SocketAddress {
    return this.stream.remoteAddress;
  }

  get localAddress(): SocketAddress {
    return this.stream.localAddress;
  }

  get tls(): TlsInfo | undefined {
    return this.stream.tls;
  }

  get protocol(): 'http' | 'https' {
    return this.settings.protocol ?? (this.stream.tls === undefined ? 'http' : 'https');
  }

  // ---- what its server does with it ----

  /** Whether no request is under way, so that closing loses nothing. */
  get isIdle(): boolean {
    return this.state === 'idle' && this.codec?.decoder.midMessage !== true;
  }

  /**
   * Closes at once when idle, unless that is so for less than `stopGraceMs`; otherwise after the answer under way,
   * which says `Connection: close`.
   */
  closeWhenIdle(): void {
    if (this.isIdle && !this.hasOwnGrace) this.startClosing();
  }

  /** The listener is gone: from now on a request under way keeps the process alive by itself. */
  keepProcessAlive(): void {
    if (!this.isIdle) this.stream.ref();
  }

  // ---- who is too slow ----

  deadlinePassed(): void {
    switch (this.state) {
      case 'idle':
        if (this.stream.queuedBytes > 0) this.#checkReader();
        else if (this.codec?.decoder.midMessage) this.#refuseSlow(headTooSlow(this.settings.headerTimeoutMs));
        else if (!this.pace.restsOn()) this.startClosing();
        return;
      case 'body':
        if (this.paused) this.#checkReader();
        else this.#checkBody();
        return;
      default:
        this.#checkReader();
    }
  }

  [INSPECT](): object {
    return inspection(this, ['protocol', 'isIdle'], () => ({ settings: undefined }));
  }

  #checkBody(): void {
    const tooSlow = this.pace.checkBody();
    if (tooSlow !== undefined) this.#refuseSlow(tooSlow);
  }

  /** The peer has ended its side: the response, whose headers were sent, must go on within `halfClosedMs`. */
  protected expectWrite(): void {
    const { halfClosedMs, wheel } = this.settings;
    if (halfClosedMs === 0) return;
    this.#halfClosed ??= new Deadline(wheel, { deadlinePassed: () => this.#cutIfQuiet() });
    this.#halfClosedSent = this.stream.bytesSent;
    this.#halfClosed.set(halfClosedMs);
  }

  /** The response is complete, or given up. */
  protected expectNoWrite(): void {
    this.#halfClosed?.close();
  }

  #cutIfQuiet(): void {
    if (this.exchange?.headSent !== true) return;
    // What was written before is still being read: it may be what the delegate waits for.
    if (this.stream.queuedBytes > 0 && this.stream.bytesSent > this.#halfClosedSent) {
      this.expectWrite();
      return;
    }
    const reason = quietAfterPeerEnded(this.settings.halfClosedMs);
    this.cutExchange(reason);
    this.stream.reset(reason);
  }

  #checkReader(): void {
    if (!this.pace.readerProgresses(this.stream))
      this.stream.reset(new HTTPDeadlineError('the peer does not read its answer'));
  }

  #refuseSlow(error: HTTPDeadlineError): void {
    this.#refuse({ status: 408, detail: error.message }, error);
  }

  // ---- what goes wrong ----

  /** Thrown inside the pump: bad bytes of the peer, what a delegate refuses, or a bug of the delegate. */
  protected failed(error: unknown): void {
    const { exchange } = this;
    // In body there is one, unless the delegate could not even be asked for it.
    if (exchange === undefined && this.state !== 'body' && !this.#isOfDecoder(error)) {
      this.#failedAfterResponse(error);
      return;
    }
    if (error instanceof Http1ProtocolError || error instanceof HTTPInputError) {
      const headers = error instanceof HTTPInputError ? error.headers : undefined;
      this.#refuse({ status: error.status, detail: error.message, headers }, error);
      return;
    }
    if (exchange?.closeReason !== undefined && isCancellation(error, exchange.closeReason)) {
      this.#givenUp(exchange.headSent, exchange.closeReason);
      return;
    }
    this.settings.loop.logger.error({ error }, 'answering a request failed');
    const failure = error instanceof Error ? error : new Error(String(error));
    this.#answerInPlace({ status: 500, detail: '' }, failure);
  }

  /** Delegates may run decoders of their own, whose errors look the same. */
  #isOfDecoder(error: unknown): boolean {
    return error !== undefined && this.codec?.decoder.failure === error;
  }

  /** A delegate's promise failed, which matters only while the same request is under way. */
  protected rejected(error: unknown, exchange: ServerExchange): void {
    if (this.exchange === exchange) this.failed(error);
    else if (exchange.closeReason === undefined || !isCancellation(error, exchange.closeReason))
      this.#failedAfterResponse(error);
  }

  /** The response was complete, or its connection gone: a second one would be taken for that to the next request. */
  #failedAfterResponse(error: unknown): void {
    this.settings.loop.logger.error({ error }, 'a request failed after its answer');
  }

  /**
   * The delegate gave up because the peer has ended its side, which is no error. The peer may still read: it gets a
   * 499, or sees that the response is incomplete if its headers were sent.
   */
  #givenUp(headSent: boolean, reason: Error): void {
    const refusal = { status: 499, detail: '' };
    if (headSent) this.#answerInPlace(refusal, reason);
    else this.#refuse(refusal, reason);
  }

  #refuse(refusal: Refusal, error: Error): void {
    const kind = `${(error as { code?: string }).code} ${refusal.status}`;
    this.settings.refusalLog.info(kind, { error, peer: this.remoteAddress }, 'refused a request');
    this.#answerInPlace(refusal, error);
  }

  /** Answers in place of the delegate where it has not begun to, and ends the connection either way. */
  #answerInPlace(refusal: Refusal, error: Error): void {
    const exchange = this.exchange;
    if (exchange?.headSent === true) {
      this.cutExchange(error);
      this.stream.reset(error);
      return;
    }
    const { dates, loop, monitor } = this.settings;
    const { status } = refusal;
    const { head, body } = encodeRefusal(
      refusal,
      dates.at(loop.clock.wallTime()),
      exchange?.head.method ?? '',
    );
    this.exchange = undefined;
    exchange?.cut(error);
    this.stream.send(head + body);
    if (exchange === undefined) monitor.headRefused(this, status, body.length, error);
    else
      monitor.requestEnded(exchange.token, status < 500 ? 'refused' : 'answered', status, body.length, error);
    this.startClosing();
  }

  /** The request under way, if there is one, will not be answered to the end. */
  protected cutExchange(reason: Error): void {
    const exchange = this.exchange;
    if (exchange === undefined) return;
    this.exchange = undefined;
    exchange.cut(reason);
    this.settings.monitor.requestEnded(
      exchange.token,
      'cut',
      exchange.status,
      exchange.bodyBytesSent,
      reason,
    );
  }

  /** What was written leaves; nothing more is read. */
  protected startClosing(): void {
    if (this.state === 'closing') return;
    this.state = 'closing';
    this.pace.clear();
    this.expectNoWrite();
    if (this.stream.queuedBytes > 0) this.pace.watchReader(this.stream);
    this.stream.closeGracefully(this.settings.lingerMs);
  }

  /** The peer has ended, and all that came was decoded: no request will come, and no body be completed. */
  protected inputOver(): void {
    if (this.state === 'body') this.cutExchange(closedEarly('the peer ended in the middle of a body'));
    this.startClosing();
  }
}
