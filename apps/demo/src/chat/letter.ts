import { PreparedMessage } from 'landspout';
import type { ServerMessage } from './protocol.ts';

/** A message to one page or to all of them: encoded once, no matter how many receive it. */
export class Letter {
  readonly json: string;
  /** The WebSocket message, which is the same for every page. */
  readonly message: PreparedMessage;

  constructor(message: ServerMessage) {
    this.json = JSON.stringify(message);
    this.message = new PreparedMessage(this.json);
  }
}
