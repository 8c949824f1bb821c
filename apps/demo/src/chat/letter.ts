import { encodeMessage } from 'landspout';
import type { ServerMessage } from './protocol.ts';

/** A message on its way to one page or to all: encoded once, whatever their number. */
export class Letter {
  readonly json: string;
  #frame: Uint8Array | undefined;

  constructor(message: ServerMessage) {
    this.json = JSON.stringify(message);
  }

  /** The WebSocket frame, which is the same for everybody. */
  get frame(): Uint8Array {
    this.#frame ??= encodeMessage(this.json);
    return this.#frame;
  }
}
