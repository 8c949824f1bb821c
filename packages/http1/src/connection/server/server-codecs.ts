import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import {
  type Http1Limits,
  RequestDecoder,
  ResponseEncoder,
  ResponseLines,
  ScanView,
} from '../../protocol/index.ts';
import { MessagePump } from '../message-pump.ts';

/** What turns bytes into requests and answers into bytes, for one connection at a time. */
export interface ServerCodec {
  readonly pump: MessagePump<RequestDecoder>;
  readonly encoder: ResponseEncoder;
}

/** How many codecs wait for use: those of one batch are given back before the next, so few are ever needed. */
const MOST_KEPT = 64;

/**
 * The codecs of one server. A connection between two requests has none: over 600 bytes that thousands of idle
 * connections need not hold.
 */
export class ServerCodecs {
  readonly #limits: Http1Limits;
  readonly #resting: ServerCodec[] = [];
  readonly #view = new ScanView();
  readonly #lines = new ResponseLines();

  constructor(limits: Http1Limits) {
    this.#limits = limits;
  }

  /** The caller attaches the pump to its connection. */
  take(): ServerCodec {
    return (
      this.#resting.pop() ?? {
        pump: new MessagePump(new RequestDecoder(this.#limits, this.#view)),
        encoder: new ResponseEncoder(this.#lines),
      }
    );
  }

  /** Takes back a codec. One that knows anything of its connection is dropped, so that nothing crosses over. */
  give(codec: ServerCodec): void {
    codec.pump.attach(undefined);
    if (this.#resting.length >= MOST_KEPT) return;
    if (codec.pump.decoder.atRest && codec.encoder.state === 'idle') this.#resting.push(codec);
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ kept: this.#resting.length }));
  }
}
