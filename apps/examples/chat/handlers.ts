import { randomUUID } from 'node:crypto';
import {
  type ApplicationSettings,
  type Awaitable,
  HTTPError,
  RequestHandler,
  WebSocketHandler,
  type WebSocketOptions,
} from 'landspout';
import { chatPage, joinPage, MAX_NAME_CHARS, MAX_TEXT_CHARS, MessageModule } from './pages.ts';
import type { Member, Message, RenderedMessage, Room } from './room.ts';

export interface ChatSettings extends ApplicationSettings {
  readonly room: Room;
}

/** A signed cookie, so that a visitor cannot take the name of another. */
const SESSION = 'member';

function memberOf(handler: RequestHandler<string, ChatSettings>): Member | undefined {
  const value = handler.getSignedCookie(SESSION, { maxAgeDays: 1 });
  return value === undefined ? undefined : (JSON.parse(value) as Member);
}

/** The room, or the question for a name. */
export class Home extends RequestHandler<string, ChatSettings> {
  override get(): Awaitable {
    const member = memberOf(this);
    // The page of a member must not be shown after leaving, when the browser goes back.
    this.setHeader('Cache-Control', 'no-store');
    if (member === undefined) return this.render(joinPage, {});
    return this.render(chatPage, { member, messages: this.settings.room.messages });
  }
}

export class Join extends RequestHandler<string, ChatSettings> {
  override post(): Awaitable {
    const name = this.getBodyArgument('name').replace(/\s+/g, ' ');
    const problem = this.#problemOf(name);
    if (problem !== undefined) {
      this.setStatus(422);
      return this.render(joinPage, { problem });
    }
    const member: Member = { id: randomUUID(), name };
    this.setSignedCookie(SESSION, JSON.stringify(member), { session: true });
    this.redirect(this.reverseUrl('/'), { status: 303 });
  }

  #problemOf(name: string): string | undefined {
    if (name === '' || name.length > MAX_NAME_CHARS) return `A name has 1 to ${MAX_NAME_CHARS} characters.`;
    return this.settings.room.isTaken(name) ? `Someone called ${name} is here already.` : undefined;
  }
}

export class Leave extends RequestHandler<string, ChatSettings> {
  override post(): void {
    const member = memberOf(this);
    if (member !== undefined) this.settings.room.remove(member);
    this.clearCookie(SESSION);
    this.redirect(this.reverseUrl('/'), { status: 303 });
  }
}

/**
 * The connection of one page: `/socket?after=…` first sends the messages after that one. The page sends text; the server
 * sends messages as HTML. Pages of other sites cannot connect with the cookie of a member: see `checkOrigin`.
 */
export class ChatSocket extends WebSocketHandler<string, ChatSettings> {
  #member!: Member;

  override prepare(): void {
    const member = memberOf(this);
    if (member === undefined) throw new HTTPError(403, undefined, { detail: 'Join before you connect.' });
    this.#member = member;
  }

  override connectionOptions(): WebSocketOptions {
    return { maxMessageBytes: 4 * 1024, maxQueuedBytes: 1024 * 1024, compression: true };
  }

  override onOpen(): unknown {
    const { room } = this.settings;
    const missed = room.messagesAfter(this.getQueryArgument('after', ''));
    room.enter(this, this.#member);
    return this.writeMessage({ messages: missed.map((message) => this.#rendered(message)) });
  }

  override onMessage(message: string | Uint8Array): void {
    const text = typeof message === 'string' ? message.trim() : undefined;
    if (text === undefined) this.close(1003, 'only text is accepted');
    else if (text.length > MAX_TEXT_CHARS) this.close(1008, `at most ${MAX_TEXT_CHARS} characters`);
    else if (text !== '') this.settings.room.say(this.#member, text, (said) => this.#rendered(said));
  }

  override onClose(): void {
    this.settings.room.leave(this);
  }

  #rendered(message: Message): RenderedMessage {
    return { id: `m-${message.id}`, html: String(this.module(MessageModule, message)) };
  }
}
