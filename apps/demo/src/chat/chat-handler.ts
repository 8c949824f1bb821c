import { WebSocketHandler, type WebSocketOptions } from 'landspout';
import { CONNECTION_LIMITS } from './limits.ts';
import type { Room, Seat } from './room.ts';

/** Connects one WebSocket to the room. */
export class ChatHandler extends WebSocketHandler {
  #room!: Room;
  #seat: Seat | undefined;

  override initialize(init: { readonly room: Room }): void {
    this.#room = init.room;
  }

  override connectionOptions(): WebSocketOptions {
    return CONNECTION_LIMITS;
  }

  override onOpen(): void {
    this.#seat = this.#room.enter({
      // Not awaited: if a page reads too slowly, its own limit closes it, and no other page is delayed.
      send: (letter) => this.sendMessage(letter.message),
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
