import { encodeMessage } from 'landspout';
import type { ServerMessage } from './protocol.ts';

/** A message to one page or to all of them: encoded once, no matter how many receive it. */
export class Letter {
  readonly json: string;
  #frame: Uint8Array | undefined;

  constructor(message: ServerMessage) {
    this.json = JSON.stringify(message);
  }

  /** The WebSocket frame, which is the same for every page. */
  get frame(): Uint8Array {
    this.#frame ??= encodeMessage(this.json);
    return this.#frame;
  }
}
