import { randomUUID } from 'node:crypto';
import { broadcast, type WebSocketHandler } from 'landspout';

/** Someone with a name, on any number of pages. */
export interface Member {
  readonly id: string;
  readonly name: string;
}

export interface Message {
  readonly id: string;
  readonly author: Member;
  readonly text: string;
}

/** A message for the script of the page. */
export interface RenderedMessage {
  readonly id: string;
  readonly html: string;
}

/** How many messages are kept for those who come later. */
const MAX_MESSAGES = 200;

/** The messages of the room, and the connections of the pages that show them. */
export class Room {
  #messages: readonly Message[] = [];
  readonly #connections = new Map<WebSocketHandler, Member>();

  /** The latest messages, the oldest first. */
  get messages(): readonly Message[] {
    return this.#messages;
  }

  /** The messages after the one with this id; all if it is not known any more. */
  messagesAfter(id: string): readonly Message[] {
    return this.#messages.slice(this.#messages.findIndex((message) => message.id === id) + 1);
  }

  /** Whether someone else with this name is in the room; the case of letters does not matter. */
  isTaken(name: string): boolean {
    const wanted = folded(name);
    return [...this.#connections.values()].some((member) => folded(member.name) === wanted);
  }

  enter(connection: WebSocketHandler, member: Member): void {
    this.#connections.set(connection, member);
  }

  leave(connection: WebSocketHandler): void {
    this.#connections.delete(connection);
  }

  /** Closes the connections of a member. */
  remove({ id }: Member): void {
    for (const [connection, member] of this.#connections)
      if (member.id === id) connection.close(1000, 'left');
  }

  /** Adds a message, and sends it to all pages. @param render - makes its HTML, once for all. */
  say(author: Member, text: string, render: (message: Message) => RenderedMessage): void {
    const message: Message = { id: randomUUID(), author, text };
    this.#messages = [...this.#messages, message].slice(-MAX_MESSAGES);
    broadcast(this.#connections.keys(), { messages: [render(message)] });
  }
}

function folded(name: string): string {
  return name.normalize('NFKC').toLowerCase();
}
