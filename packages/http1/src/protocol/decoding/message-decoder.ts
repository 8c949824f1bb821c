import type { Buffer } from 'node:buffer';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { HTTPHeaders } from '../fields/http-headers.ts';
import { Http1UsageError } from '../grammar/errors.ts';
import { checkLimit } from '../grammar/limits.ts';
import { FAILED, FIELDS, LINE, type MessageReader } from './message-reader.ts';

/**
 * What the decoders of both directions let a caller do beside pulling events: lend bytes, and see what the last
 * event brought. Only {@link RequestDecoder} and {@link ResponseDecoder} extend it.
 */
export class MessageDecoder<Head> {
  readonly #reader: MessageReader<Head>;

  /** @internal */
  constructor(reader: MessageReader<Head>) {
    this.#reader = reader;
  }

  /**
   * Lends the bytes from `start` to `end` until `next` answers NEED_DATA or {@link hold} is called. Decodes
   * nothing. After hold it may be called without pulling first; the bytes are then copied at once.
   *
   * @throws Http1UsageError `ERR_HTTP1_USAGE` when bytes lent earlier have not all been pulled.
   */
  receive(bytes: Buffer, start: number, end: number): void {
    const reader = this.#reader;
    if (reader.stage !== FAILED) reader.input.receive(bytes, start, end);
  }

  /**
   * The head of the current message, from HEAD (or INTERIM) until the next message is begun.
   *
   * @throws Http1UsageError `ERR_HTTP1_USAGE` when there is none.
   */
  get head(): Head {
    const head = this.#reader.head;
    if (head === undefined) throw new Http1UsageError('ERR_HTTP1_USAGE', 'head: no head has been decoded');
    return head;
  }

  /** After DATA: the buffer with the body bytes, lent until the next call of any method. */
  get data(): Buffer {
    return this.#reader.body.data;
  }

  get dataStart(): number {
    return this.#reader.body.dataStart;
  }

  get dataEnd(): number {
    return this.#reader.body.dataEnd;
  }

  /** After END: the trailers of a chunked body, apart from the headers; undefined where there are none. */
  get trailers(): HTTPHeaders | undefined {
    return this.#reader.body.trailers;
  }

  /**
   * Most bytes of the current body. May be changed after HEAD, before `next` is called again; a body that is known
   * to be longer then throws 413 there. Every message starts with the limit of the constructor.
   */
  get maxBodyBytes(): number {
    return this.#reader.body.maxBytes;
  }

  set maxBodyBytes(maxBytes: number) {
    checkLimit('maxBodyBytes', maxBytes);
    this.#reader.body.maxBytes = maxBytes;
  }

  /** Ends the loan without pulling further: what has not been decoded yet is copied. */
  hold(): void {
    this.#reader.input.keep();
  }

  /**
   * Takes the bytes that have not been decoded, for a protocol that follows an upgrade or a CONNECT. They are the
   * caller's own. Use the decoder no further.
   */
  takeRest(): Buffer {
    return this.#reader.input.take();
  }

  /** Bytes that came and have not been delivered. */
  get bufferedBytes(): number {
    return this.#reader.input.byteLength;
  }

  /** Whether a part of a head is there: the header deadline runs. */
  get headStarted(): boolean {
    const stage = this.#reader.stage;
    return stage === LINE || stage === FIELDS;
  }

  [INSPECT](): object {
    return inspection(this, ['bufferedBytes', 'headStarted', 'maxBodyBytes']);
  }
}
