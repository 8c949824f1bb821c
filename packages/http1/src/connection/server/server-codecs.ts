import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import {
  type Http1Limits,
  RequestDecoder,
  ResponseEncoder,
  ResponseLines,
  ScanView,
} from '../../protocol/index.ts';
import { MessagePump } from '../message-pump.ts';

/** Decodes requests and encodes responses, for one connection at a time. */
export interface ServerCodec {
  readonly pump: MessagePump<RequestDecoder>;
  readonly encoder: ResponseEncoder;
}

/**
 * The maximum number of unused codecs. Few are needed: the codecs used for one batch of events are returned before the
 * next batch.
 */
const MOST_KEPT = 64;

/**
 * The codecs of one server. A connection has a codec only during a request. This saves over 600 bytes for each idle
 * connection, and there may be thousands of those.
 */
export class ServerCodecs {
  readonly #limits: Http1Limits;
  readonly #resting: ServerCodec[] = [];
  readonly #view = new ScanView();
  readonly #lines = new ResponseLines();

  constructor(limits: Http1Limits) {
    this.#limits = limits;
  }

  /** Returns an unused codec. The caller must attach the pump to its connection. */
  take(): ServerCodec {
    return (
      this.#resting.pop() ?? {
        pump: new MessagePump(new RequestDecoder(this.#limits, this.#view)),
        encoder: new ResponseEncoder(this.#lines),
      }
    );
  }

  /**
   * Takes back a codec. Discards it if it still has state of its connection, because another connection must not get
   * that state.
   */
  give(codec: ServerCodec): void {
    codec.pump.attach(undefined);
    if (this.#resting.length >= MOST_KEPT) return;
    if (codec.pump.decoder.atRest && codec.encoder.state === 'idle') this.#resting.push(codec);
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ kept: this.#resting.length }));
  }
}
