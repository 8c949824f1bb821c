import { randomUUID } from 'node:crypto';
import { Letter } from './letter.ts';
import { ROOM_LIMITS, type RoomLimits } from './limits.ts';
import { Pace } from './pace.ts';
import { cleanName, cleanText, firstCharacters, nameKey } from './plain-text.ts';
import {
  type ChatMessage,
  type ClientMessage,
  parseClientMessage,
  type Resume,
  type ServerMessage,
  type Visitor,
} from './protocol.ts';

/** WebSocket close code for a peer that breaks the rules of the application (RFC 6455 §7.4.1). */
const POLICY_VIOLATION = 1008;
/** WebSocket close code of a server that is full at the moment (IANA registry of close codes); the page tries again. */
const TRY_AGAIN_LATER = 1013;

/** The connection to one page: the part of a WebSocket that the room uses. */
export interface Line {
  /** The same letter may be sent on many lines. */
  send(letter: Letter): void;
  close(code: number, reason: string): void;
}

export interface RoomOptions extends Partial<RoomLimits> {
  /** Returns milliseconds since 1970. Default: the clock of the system. */
  readonly now?: () => number;
}

/** What one connection can do in the room. */
export interface Seat {
  /** Called with each message of the page. */
  receive(message: string | Uint8Array): void;
  /** Called when the connection has ended. Later calls have no effect. */
  leave(): void;
}

/** One connection; it has a visitor and a session after it has joined. */
interface Place {
  readonly line: Line;
  readonly pace: Pace;
  visitor: Visitor | undefined;
  session: string | undefined;
}

/**
 * One chat room: its visitors and its latest messages. It does not know WebSocket or HTTP.
 *
 * Everything is limited by {@link RoomLimits}. Too much is refused: with a message to the person if a person can cause
 * it, and with a close code if only a program can.
 */
export class Room {
  /** Different after each start, so that a page knows when its message numbers are no longer valid. */
  readonly id = randomUUID();
  readonly limits: RoomLimits;
  readonly #now: () => number;
  readonly #places = new Set<Place>();
  readonly #history: ChatMessage[] = [];
  #messages = 0;

  constructor(options: RoomOptions = {}) {
    const { now = Date.now, ...limits } = options;
    this.limits = { ...ROOM_LIMITS, ...limits };
    this.#now = now;
  }

  /** The visitors who have joined, in that order. */
  get visitors(): Visitor[] {
    return [...this.#places].flatMap(({ visitor }) => (visitor === undefined ? [] : [visitor]));
  }

  /** Adds a connection. @returns its seat, or `undefined` if the room is full: then the line was closed. */
  enter(line: Line): Seat | undefined {
    if (this.#places.size >= this.limits.visitors) {
      line.close(TRY_AGAIN_LATER, 'the room is full');
      return undefined;
    }
    const pace = new Pace(this.limits.burstMessages, this.limits.messagesPerSecond, this.#now());
    const place: Place = { line, pace, visitor: undefined, session: undefined };
    this.#places.add(place);
    return {
      receive: (message) => this.#receive(place, message),
      leave: () => this.#leave(place),
    };
  }

  /** Closes all connections. */
  dismiss(code: number, reason: string): void {
    for (const { line } of this.#places) line.close(code, reason);
  }

  #receive(place: Place, data: string | Uint8Array): void {
    if (!this.#places.has(place)) return; // replaced by a newer connection, while this message was on its way
    const message = typeof data === 'string' ? parseClientMessage(data) : undefined;
    const { visitor } = place;
    if (message?.type === 'join' && visitor === undefined) this.#join(place, message);
    else if (message?.type === 'say' && visitor !== undefined) this.#say(place, visitor, message.text);
    else place.line.close(POLICY_VIOLATION, 'that is not what the page sends');
  }

  #join(place: Place, { name, session, resume }: ClientMessage & { type: 'join' }): void {
    const most = this.limits.nameCharacters;
    const clean = cleanName(name, most);
    if (clean === undefined) {
      send(place, { type: 'refused', what: 'name', reason: `A name has 1 to ${most} characters.` });
      return;
    }
    const returning = this.#takeOver(session);
    const visitor = returning ?? { id: randomUUID(), name: this.#freeName(clean) };
    place.visitor = visitor;
    place.session = session;
    const { visitors } = this;
    send(place, { type: 'welcome', room: this.id, you: visitor, visitors, messages: this.#missedBy(resume) });
    if (returning === undefined) this.#broadcast({ type: 'joined', visitor }, place);
  }

  #say(place: Place, from: Visitor, text: string): void {
    const clean = cleanText(text);
    const at = this.#now();
    const reason = this.#objection(clean) ?? (place.pace.take(at) ? undefined : 'A little slower, please.');
    if (reason !== undefined) {
      send(place, { type: 'refused', what: 'text', reason });
      return;
    }
    this.#messages += 1;
    const message = { number: this.#messages, from, text: clean, at };
    this.#history.push(message);
    if (this.#history.length > this.limits.historyMessages) this.#history.shift();
    this.#broadcast({ type: 'message', message });
  }

  #leave(place: Place): void {
    if (!this.#places.delete(place) || place.visitor === undefined) return;
    this.#broadcast({ type: 'left', visitor: place.visitor });
  }

  /**
   * A page that lost its connection may reconnect before the end of the old connection is noticed. In that case the
   * visitor has not left.
   */
  #takeOver(session: string): Visitor | undefined {
    for (const place of this.#places) {
      if (place.session !== session) continue;
      this.#places.delete(place);
      place.line.close(POLICY_VIOLATION, 'the page has a newer connection');
      return place.visitor;
    }
    return undefined;
  }

  #freeName(name: string): string {
    const taken = new Set(this.visitors.map((visitor) => nameKey(visitor.name)));
    if (!taken.has(nameKey(name))) return name;
    for (let count = 2; ; count += 1) {
      const suffix = ` ${count}`;
      const candidate = firstCharacters(name, this.limits.nameCharacters - suffix.length).trim() + suffix;
      if (!taken.has(nameKey(candidate))) return candidate; // the loop ends: there are fewer visitors than numbers
    }
  }

  #missedBy(resume: Resume | undefined): readonly ChatMessage[] {
    if (resume?.room !== this.id) return this.#history;
    return this.#history.filter(({ number }) => number > resume.after);
  }

  #objection(text: string): string | undefined {
    if (text === '') return 'There is nothing to read in that message.';
    const most = this.limits.textLength;
    return text.length > most ? `A message has at most ${most} characters.` : undefined;
  }

  #broadcast(message: ServerMessage, except?: Place): void {
    const letter = new Letter(message);
    for (const place of this.#places) {
      if (place !== except && place.visitor !== undefined) place.line.send(letter);
    }
  }
}

function send(place: Place, message: ServerMessage): void {
  place.line.send(new Letter(message));
}
