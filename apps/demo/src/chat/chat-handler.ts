import { WebSocketHandler } from 'landspout';
import type { Room, Seat } from './room.ts';

/** Joins one WebSocket with the room. */
export class ChatHandler extends WebSocketHandler {
  #room!: Room;
  #seat: Seat | undefined;

  override initialize(init: { readonly room: Room }): void {
    this.#room = init.room;
  }

  override onOpen(): void {
    this.#seat = this.#room.enter({
      // Not awaited: each connection has a bounded queue, so a slow page delays only its own copy.
      send: (json) => void this.writeMessage(json),
      close: (code, reason) => this.close(code, reason),
    });
  }

  override onMessage(message: string | Uint8Array): void {
    this.#seat?.receive(message);
  }

  override onClose(): void {
    this.#seat?.leave();
  }
}
