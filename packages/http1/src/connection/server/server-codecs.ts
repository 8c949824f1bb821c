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

/** The maximum number of unused codecs. Few are needed: those of one batch are given back before the next. */
const MOST_KEPT = 64;

/**
 * The codecs of one server. A connection has one only during a request: this saves over 600 bytes for each idle
 * connection, of which there may be thousands.
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

  /** Takes back a codec. It is discarded if it still has state of its connection, which must not reach another one. */
  give(codec: ServerCodec): void {
    codec.pump.attach(undefined);
    if (this.#resting.length >= MOST_KEPT) return;
    if (codec.pump.decoder.atRest && codec.encoder.state === 'idle') this.#resting.push(codec);
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ kept: this.#resting.length }));
  }
}
