import { type DeadlineEntry, runInRootContext } from '@landspout/ioloop';
import type { IOStream, SocketAddress, StreamConsumer, TlsInfo } from '@landspout/iostream';
import type { HTTPConnectionInfo, HTTPMessageDelegate } from '../delegate.ts';
import {
  DATA,
  END,
  encodeInterim,
  HEAD,
  HTTPHeaders,
  Http1ProtocolError,
  NEED_DATA,
  type RequestDecoder,
  type ResponseEncoder,
} from '../protocol/index.ts';
import { endAnswer, writeAnswerBody, writeAnswerHead } from './answer-writer.ts';
import { closedEarly, HTTPDeadlineError, HTTPInputError, peerEnded } from './errors.ts';
import { PeerPace } from './peer-pace.ts';
import { encodeRefusal, type Refusal } from './refusal.ts';
import type { ServerCodec } from './server-codecs.ts';
import { ServerExchange } from './server-exchange.ts';
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

/** Most pipelined bytes that wait for the answer before them, give or take one read. */
const HELD_BYTES = 64 * 1024;
/** Above this many unsent bytes no further request is begun: who does not read is not read from. */
const HIGH_WATER_BYTES = 64 * 1024;
const EMPTY_HEADERS = new HTTPHeaders();

/** The server's side of one HTTP/1.1 connection: pumps a decoder and an encoder over one stream (RFC 9112). */
export class ServerConnection implements StreamConsumer, DeadlineEntry, HTTPConnectionInfo {
  readonly stream: IOStream;
  readonly #settings: ServerConnectionSettings;
  /** Held from a request's first byte to its answer's last; between requests there is none. */
  #codec: ServerCodec | undefined;
  readonly #pace: PeerPace;
  #state: State = 'idle';
  #exchange: ServerExchange | undefined;
  #message: HTTPMessageDelegate | undefined;
  /** The pump is at work further up the stack and will go on by itself. */
  #pumping = false;
  #paused = false;
  #peerEnded = false;
  #requestComplete = true;
  #expectsContinue = false;
  /** The header deadline runs already: further bytes do not move it. */
  #headDeadlineSet = true;

  constructor(stream: IOStream, settings: ServerConnectionSettings) {
    this.stream = stream;
    this.#settings = settings;
    this.#pace = new PeerPace(settings, this);
    this.#pace.set(settings.headerTimeoutMs);
    stream.setConsumer(this);
    stream.resume();
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

  /** Whether no request is under way, so that closing loses nothing. */
  get isIdle(): boolean {
    return this.#state === 'idle' && this.#codec?.decoder.midMessage !== true;
  }

  /** Closes at once when idle; otherwise after the answer under way, which says `Connection: close`. */
  closeWhenIdle(): void {
    if (this.isIdle) this.#startClosing();
  }

  /** The listener is gone: from now on a request under way keeps the process alive by itself. */
  keepProcessAlive(): void {
    if (!this.isIdle) this.stream.ref();
  }

  // ---- events of the stream ----

  received(bytes: Buffer, start: number, end: number): void {
    if (this.#state === 'closing') return;
    this.#codec ??= this.#settings.codecs.take();
    this.#codec.decoder.receive(bytes, start, end);
    if (this.#state === 'idle' || this.#state === 'body') this.#pump();
    else this.#hold();
  }

  ended(): void {
    this.#peerEnded = true;
    const state = this.#state;
    if (state === 'idle' || state === 'body') this.#inputOver();
    else if (state !== 'closing') this.#tell(this.#message, peerEnded());
  }

  drained(): void {
    if (this.#paused && this.#state === 'idle') this.#pump();
  }

  closed(error: Error | undefined): void {
    this.#pace.close();
    this.#state = 'closing';
    this.#cutExchange(closedEarly('the connection ended before the answer was complete', error));
    this.#settings.connectionEnded(this, undefined);
  }

  deadlinePassed(): void {
    switch (this.#state) {
      case 'idle':
        if (this.stream.queuedBytes > 0) this.#checkReader();
        else if (this.#codec?.decoder.midMessage) this.#refuseSlow('head', this.#settings.headerTimeoutMs);
        else this.#startClosing();
        return;
      case 'body':
        if (!this.#pace.bodyProgresses()) this.#refuseSlow('body', this.#settings.progressMs);
        return;
      default:
        this.#checkReader();
    }
  }

  // ---- the answer, called by its exchange ----

  writeHead(
    status: number,
    reason: string,
    headers: HTTPHeaders,
    chunk: string | Uint8Array | undefined,
    last: boolean,
  ): void {
    const settings = this.#settings;
    const close =
      settings.stopping || !settings.keepAlive || this.#isLastRequest || (last && !this.#requestComplete);
    const terms = { date: settings.dates.at(settings.loop.clock.wallTime()), close };
    writeAnswerHead(this.stream, this.#encoder, terms, status, reason, headers, chunk, last);
  }

  writeBody(chunk: Uint8Array): void {
    writeAnswerBody(this.stream, this.#encoder, chunk);
    if (this.stream.queuedBytes > HIGH_WATER_BYTES) this.#watchReader();
  }

  endBody(): void {
    endAnswer(this.stream, this.#encoder);
  }

  answerCompleted(): void {
    this.#exchange = undefined;
    this.#message = undefined;
    if (this.#state === 'closing') return;
    const { stopping } = this.#settings;
    if (stopping || !this.#encoder.keepAlive || !this.#requestComplete || this.#isLastRequest) {
      this.#startClosing();
      return;
    }
    this.#state = 'idle';
    if (this.#settings.listenerGone) this.stream.unref();
    this.#headDeadlineSet = false;
    this.#pace.restReader(this.stream, this.#settings.idleTimeoutMs);
    if (!this.#pumping) this.#pumpOnwards();
  }

  detach(onStopping: (() => void) | undefined): IOStream {
    const { stream } = this;
    this.#state = 'closing';
    this.#pace.close();
    this.#exchange = undefined;
    this.#message = undefined;
    stream.setConsumer(undefined);
    stream.unread(this.#decoder.takeRest());
    stream.ref();
    this.#settings.connectionEnded(this, { stream, onStopping });
    return stream;
  }

  // ---- the pump ----

  /** For where a request is under way, so that there is a codec. */
  get #decoder(): RequestDecoder {
    return (this.#codec as ServerCodec).decoder;
  }

  /** Whether the peer has half-closed, and no pipelined request of it waits. */
  get #isLastRequest(): boolean {
    return this.#peerEnded && this.#decoder.bufferedBytes === 0;
  }

  get #encoder(): ResponseEncoder {
    return (this.#codec as ServerCodec).encoder;
  }

  /** Decodes and delivers until bytes, the delegate or the answer make it wait. */
  #pump(): void {
    if (this.#pumping || this.#codec === undefined) return;
    this.#pumping = true;
    try {
      while (this.#state === 'idle' || this.#state === 'body') {
        if (this.#state === 'idle' && this.stream.queuedBytes > HIGH_WATER_BYTES) break;
        const event = this.#decoder.next();
        if (event === NEED_DATA) break;
        if (event === HEAD) this.#deliverHead();
        else if (event === DATA) this.#deliverData();
        else if (event === END) this.#deliverEnd();
      }
    } catch (error) {
      if (error instanceof Http1ProtocolError || error instanceof HTTPInputError) this.#refuse(error);
      else this.#delegateFailed(error);
    } finally {
      this.#pumping = false;
    }
    this.#settle();
  }

  /** The next request must not run in the async context of the one that was just answered. */
  #pumpOnwards(): void {
    if (this.#codec !== undefined && this.#codec.decoder.bufferedBytes > 0)
      runInRootContext(this.#pump, this);
    else this.#pump();
  }

  /** After the pump: keeps what was not decoded, and asks for more where more is wanted. */
  #settle(): void {
    const state = this.#state;
    const codec = this.#codec;
    if (state === 'closing' || codec === undefined) return;
    const { decoder } = codec;
    const waitsForReader = state === 'idle' && this.stream.queuedBytes > HIGH_WATER_BYTES;
    if (state === 'held' || state === 'answering' || waitsForReader) {
      decoder.hold();
      if (waitsForReader || decoder.bufferedBytes >= HELD_BYTES) this.#pause();
      return;
    }
    if (this.#peerEnded) {
      this.#inputOver();
      return;
    }
    if (state === 'idle') this.#rest(codec);
    if (this.#paused) {
      this.#paused = false;
      this.stream.resume();
    }
  }

  /** The peer has ended, and all that came was decoded: no request will come, and no body be completed. */
  #inputOver(): void {
    if (this.#state === 'body') this.#cutExchange(closedEarly('the peer ended in the middle of a body'));
    this.#startClosing();
  }

  /** Between requests, or in the middle of a head: gives the codec back, or sees to it that the head goes on. */
  #rest(codec: ServerCodec): void {
    if (codec.decoder.atRest) {
      this.#codec = undefined;
      this.#settings.codecs.give(codec);
    } else if (!this.#headDeadlineSet && codec.decoder.headStarted) {
      this.#headDeadlineSet = true;
      this.#pace.set(this.#settings.headerTimeoutMs);
    }
  }

  /**
   * Bytes came that cannot be dealt with yet. They are kept, and reading goes on for a while: who does not read
   * does not notice that the peer leaves.
   */
  #hold(): void {
    const decoder = this.#decoder;
    decoder.hold();
    if (decoder.bufferedBytes >= HELD_BYTES) this.#pause();
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.stream.pause();
  }

  #deliverHead(): void {
    const head = this.#decoder.head;
    this.#encoder.begin(head.method, head.version, head.keepAlive);
    const exchange = new ServerExchange(this);
    this.#exchange = exchange;
    this.#requestComplete = head.bodyLength === 0;
    this.#expectsContinue = head.expectContinue;
    this.#state = 'body';
    if (this.#settings.listenerGone) this.stream.ref();
    const message = this.#settings.delegate.startRequest(exchange);
    this.#message = message;
    if (head.bodyLength !== 0) this.#pace.awaitBody();
    const waiting = message.headersReceived(head);
    if (waiting !== undefined) this.#waitFor(waiting, exchange);
    else if (this.#expectsContinue) this.#continue();
  }

  #deliverData(): void {
    const decoder = this.#decoder;
    const { dataStart, dataEnd } = decoder;
    this.#pace.countBody(dataEnd - dataStart);
    this.#expectsContinue = false;
    const message = this.#message;
    if (message === undefined) return;
    // Lent bytes stop here: what the delegate gets is its own.
    const waiting = message.dataReceived(Buffer.from(decoder.data.subarray(dataStart, dataEnd)));
    if (waiting !== undefined) this.#waitFor(waiting, this.#exchange);
  }

  #deliverEnd(): void {
    this.#requestComplete = true;
    const exchange = this.#exchange;
    // Answered before its end, which only a request without a body may be: we are between requests already.
    if (exchange === undefined) return;
    this.#pace.clear();
    this.#state = 'answering';
    const waiting = this.#message?.finish();
    if (waiting !== undefined) waiting.then(undefined, (error) => this.#delegateRejected(error, exchange));
  }

  /** Holds back what comes next until the delegate's promise settles. */
  #waitFor(waiting: Promise<void>, exchange: ServerExchange | undefined): void {
    if (this.#state !== 'body') {
      waiting.then(undefined, (error) => this.#delegateRejected(error, exchange));
      return;
    }
    this.#state = 'held';
    waiting.then(
      () => {
        if (this.#state !== 'held' || this.#exchange !== exchange) return;
        this.#state = 'body';
        if (this.#expectsContinue) this.#continue();
        // While it was held, the peer could not make progress.
        if (!this.#requestComplete) this.#pace.awaitBody();
        this.#pump();
      },
      (error) => this.#delegateRejected(error, exchange),
    );
  }

  /** The body is wanted (RFC 9110 §10.1.1), unless it is on its way already or the answer has been given. */
  #continue(): void {
    this.#expectsContinue = false;
    if (this.#state !== 'body' || this.#exchange?.headSent !== false || this.#decoder.bufferedBytes > 0)
      return;
    this.stream.send(encodeInterim(100, EMPTY_HEADERS));
  }

  // ---- what goes wrong ----

  #refuse(error: Http1ProtocolError | HTTPInputError): void {
    this.#settings.loop.logger.info({ error, peer: this.remoteAddress }, 'refused a request');
    this.#refuseWith({ status: error.status, detail: error.message }, error);
  }

  #refuseSlow(what: string, timeoutMs: number): void {
    const error = new HTTPDeadlineError(`the ${what} of a request took longer than ${timeoutMs} ms`);
    this.#settings.loop.logger.info({ error, peer: this.remoteAddress }, 'refused a request');
    this.#refuseWith({ status: 408, detail: error.message }, error);
  }

  /** Answers in place of the delegate where it has not begun to, and ends the connection either way. */
  #refuseWith(refusal: Refusal, error: Error): void {
    const begun = this.#exchange?.headSent === true;
    const method = this.#exchange === undefined ? 'GET' : this.#decoder.head.method;
    this.#cutExchange(error);
    if (begun) {
      this.stream.reset(error);
      return;
    }
    const date = this.#settings.dates.at(this.#settings.loop.clock.wallTime());
    this.stream.send(encodeRefusal(refusal, date, method));
    this.#startClosing();
  }

  /** A bug of the delegate, thrown inside the pump. */
  #delegateFailed(error: unknown): void {
    const exchange = this.#exchange;
    this.#settings.loop.logger.error({ error }, 'answering a request failed');
    if (exchange === undefined) return;
    const failure = error instanceof Error ? error : new Error(String(error));
    this.#refuseWith({ status: 500, detail: '' }, failure);
  }

  /** As above, but later: it matters only while the same request is under way. */
  #delegateRejected(error: unknown, exchange: ServerExchange | undefined): void {
    if (this.#exchange === exchange && exchange !== undefined) {
      if (error instanceof HTTPInputError) this.#refuse(error);
      else this.#delegateFailed(error);
      return;
    }
    this.#settings.loop.logger.error({ error }, 'a request failed after its answer');
  }

  /** The delegate hears, once, that its message will not be completed. */
  #cutExchange(reason: Error): void {
    const message = this.#message;
    this.#exchange?.cut();
    this.#exchange = undefined;
    this.#message = undefined;
    this.#tell(message, reason);
  }

  /** What a delegate throws here is its own, and must not reach the stream that all else depends on. */
  #tell(message: HTTPMessageDelegate | undefined, reason: Error): void {
    try {
      message?.connectionClosed(reason);
    } catch (error) {
      this.#settings.loop.logger.error({ error }, 'hearing of a closed connection failed');
    }
  }

  /** While a body is awaited, its sender is who must make progress. */
  #watchReader(): void {
    if (this.#state !== 'body') this.#pace.watchReader(this.stream);
  }

  #checkReader(): void {
    if (this.#pace.readerProgresses(this.stream)) return;
    this.stream.reset(new HTTPDeadlineError('the peer does not read its answer'));
  }

  #startClosing(): void {
    if (this.#state === 'closing') return;
    this.#state = 'closing';
    this.#pace.clear();
    if (this.stream.queuedBytes > 0) this.#pace.watchReader(this.stream);
    this.stream.closeGracefully(this.#settings.lingerMs);
  }
}
