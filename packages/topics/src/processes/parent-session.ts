import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { DoorEnd, DoorHandler, MessageDoor } from '@landspout/ioloop/processes';
import type { RateLimitedLog } from '@landspout/ioloop/reactor';
import type { LogName, NewRecord, TopicSettings } from '../backplane/backplane.ts';
import { BackplaneError } from '../errors.ts';
import type { Payload } from '../record.ts';
import { FollowedLog, type FollowedLogHost, inParts, type LocalStore } from './followed-log.ts';
import { SessionCalls } from './session-calls.ts';
import type { SharedRecords } from './shared-records.ts';
import { readFromChild, WIRE_VERSION, type WireCall, type WireCallHandler } from './wire-calls.ts';
import { wireErrorOf } from './wire-errors.ts';
import {
  cursorToChild,
  failureToChild,
  followingToChild,
  helloToChild,
  pageToChild,
  partToChild,
  resultToChild,
} from './wire-replies.ts';

/** What the sessions of a parent have in common. */
export interface SessionServices {
  readonly store: LocalStore;
  readonly records: SharedRecords;
  readonly log: RateLimitedLog;
  /** The child has ended, or has closed its backplane. */
  readonly over: (session: ParentSession) => void;
}

/** Replies that wait until the child takes them. A child has a lower limit for its calls. */
const MAX_WAITING = 200_000;
/** So many replies are sent before a log has its turn. */
const REPLIES_IN_TURN = 50;

/** A page that is longer would keep other messages waiting, and a message has a limit. */
const MAX_PAGE_BYTES = 4 * 1024 * 1024;

/** What a child of a later version may call for. */
const READING: ReadonlySet<WireCall['method']> = new Set(['runInfo', 'stats'] as const);

/** A call for what may be large: it is made when there is room for the reply. */
type RoomyCall = Extract<WireCall, { method: 'read' | 'follow' }>;

/** What the child is to get for a call. It is encoded when there is room. */
type Reply = { readonly call: number } & (
  | { readonly kind: 'hello' }
  | { readonly kind: 'cursor'; readonly cursor: string }
  | { readonly kind: 'result'; readonly value: unknown }
  | { readonly kind: 'failure'; readonly error: unknown }
  | { readonly kind: 'roomy'; readonly wire: RoomyCall }
);

/** The parent's side of one child: makes its calls, and notifies it of the logs that it follows. */
export class ParentSession implements DoorHandler, WireCallHandler, FollowedLogHost {
  readonly store: LocalStore;
  readonly records: SharedRecords;
  readonly #services: SessionServices;
  readonly #door: MessageDoor;
  readonly #calls: SessionCalls;
  readonly #topics = new Map<string, FollowedLog>();
  readonly #runs = new Map<string, FollowedLog>();
  readonly #byNumber = new Map<number, FollowedLog>();
  /** Those that have something to send. */
  readonly #postponed = new Set<FollowedLog>();
  /** In the order in which they are due. */
  #waiting: Reply[] = [];
  #isFull = false;
  #isOver = false;
  /** The version of the child, if it is newer. */
  #newerVersion: number | undefined;

  constructor(services: SessionServices, door: MessageDoor) {
    this.store = services.store;
    this.records = services.records;
    this.#services = services;
    this.#calls = new SessionCalls(services.store);
    this.#door = door;
  }

  /** Bytes that the child has not taken. */
  get queuedBytes(): number {
    return this.#door.queuedBytes;
  }

  /** Number of replies that wait until there is room for them. */
  get waitingReplies(): number {
    return this.#waiting.length;
  }

  /** Ends the session. */
  close(): void {
    if (this.#isOver) return;
    this.#door.close();
    this.#over();
  }

  [INSPECT](): object {
    return inspection(this, ['queuedBytes', 'waitingReplies', 'isFull'], () => ({
      followed: this.#byNumber.size,
      postponed: this.#postponed.size,
    }));
  }

  // Called by the door.

  message(message: Uint8Array): void {
    try {
      readFromChild(message, this);
    } catch (error) {
      this.#broken('a message of a child cannot be read; its door is closed', error);
    }
  }

  drained(): void {
    this.#isFull = false;
    try {
      this.#flush();
    } catch (error) {
      this.#broken('what a child is to get cannot be sent; its door is closed', error);
    }
  }

  closed(_reason: DoorEnd): void {
    this.#over();
  }

  // Called by the followed logs.

  get isFull(): boolean {
    return this.#isFull;
  }

  send(message: Uint8Array): boolean {
    if (this.#isFull) return false;
    this.#isFull = !this.#door.send(message);
    return !this.#isFull;
  }

  sendUrgent(message: Uint8Array): void {
    if (this.#isOver || this.#door.send(message, true)) return;
    this.#broken('a child has not taken far more than maxQueuedBytes; its door is closed', undefined);
  }

  postpone(log: FollowedLog): void {
    if (!this.#isOver) this.#postponed.add(log);
  }

  ended(log: FollowedLog): void {
    this.#forget(log);
  }

  // What the child has sent.

  hello(call: number, version: number): void {
    this.#reply({ kind: 'hello', call });
    this.#newerVersion = version > WIRE_VERSION ? version : undefined;
    if (this.#newerVersion === undefined) return;
    this.#services.log.warn(
      'version',
      { version, own: WIRE_VERSION, taskId: this.#door.taskId },
      'a child runs a newer version of the package than its parent, so it can only read; restart the whole program',
    );
  }

  unknown(type: number): void {
    this.#services.log.warn('unknown', { type }, 'a child has sent a message of a newer version');
  }

  append(call: number, topic: string, record: NewRecord, settings: TopicSettings): void {
    this.#makeForCursor(call, () => this.store.append(topic, record, settings));
  }

  write(call: number, id: string, token: number, payload: Payload): void {
    this.#makeForCursor(call, () => this.store.writeRun(id, token, payload));
  }

  call(call: number, wire: WireCall): void {
    if (wire.method === 'read' || wire.method === 'follow') this.#reply({ kind: 'roomy', call, wire });
    else if (this.#newerVersion !== undefined && !READING.has(wire.method))
      this.#refuse(call, this.#newerVersion);
    else void this.#make(call, wire);
  }

  unfollow(number: number, presenceOnly: boolean): void {
    const log = this.#byNumber.get(number);
    if (log === undefined) return;
    if (presenceOnly) {
      log.unwatchPresence();
      return;
    }
    log.close();
    this.#forget(log);
  }

  #refuse(call: number, version: number): void {
    const error = new BackplaneError(
      'ERR_TOPICS_PROCESSES_VERSION',
      `this child runs version ${version} and its parent ${WIRE_VERSION}, so the child can only read; restart the whole program`,
    );
    this.#reply({ kind: 'failure', call, error });
  }

  /** Makes a call that returns a cursor. Publishing is frequent, so this is no async function. */
  #makeForCursor(call: number, make: () => Promise<string>): void {
    if (this.#newerVersion !== undefined) {
      this.#refuse(call, this.#newerVersion);
      return;
    }
    this.#calls.begin();
    make().then(
      (cursor) => {
        this.#reply({ kind: 'cursor', call, cursor });
        this.#calls.settled();
      },
      (error: unknown) => {
        this.#reply({ kind: 'failure', call, error });
        this.#calls.settled();
      },
    );
  }

  async #make(call: number, wire: Exclude<WireCall, RoomyCall>): Promise<void> {
    try {
      this.#reply({ kind: 'result', call, value: await this.#calls.make(wire) });
    } catch (error) {
      this.#reply({ kind: 'failure', call, error });
    }
  }

  /** Sends a reply after those that wait. */
  #reply(reply: Reply): void {
    if (this.#isOver) return;
    if (!this.#isFull && this.#waiting.length === 0 && this.#sendReply(reply)) return;
    this.#waiting.push(reply);
    if (this.#waiting.length > MAX_WAITING)
      this.#broken('a child makes more calls than it may; its door is closed', undefined);
  }

  /** Sends what is due while there is room: in turn, so that neither logs nor replies wait for each other. */
  #flush(): void {
    let next = 0;
    while (!this.#isFull && !this.#isOver) {
      for (let left = REPLIES_IN_TURN; left > 0 && next < this.#waiting.length; left -= 1) {
        if (!this.#sendReply(this.#waiting[next] as Reply)) break;
        next += 1;
      }
      const log = this.#postponed.values().next().value;
      if (log === undefined && next >= this.#waiting.length) break;
      if (log === undefined || this.#isFull) continue;
      this.#postponed.delete(log);
      if (log.flush() !== 'done') this.#postponed.add(log);
    }
    if (next > 0) this.#waiting.splice(0, next);
  }

  /** @returns false if there is no room for it. */
  #sendReply(reply: Reply): boolean {
    const { writer } = this.records;
    const { call } = reply;
    try {
      switch (reply.kind) {
        case 'cursor':
          return this.send(cursorToChild(writer, call, reply.cursor, this.#postponed.size > 0));
        case 'result':
          return this.send(resultToChild(writer, call, reply.value));
        case 'failure':
          return this.send(failureToChild(writer, call, wireErrorOf(reply.error)));
        case 'hello':
          return this.send(helloToChild(writer, call, WIRE_VERSION));
        case 'roomy': {
          const { wire } = reply;
          return wire.method === 'read' ? this.#read(call, ...wire.args) : this.#follow(call, ...wire.args);
        }
        default:
          return reply satisfies never;
      }
    } catch (error) {
      writer.reset();
      return this.send(failureToChild(writer, call, wireErrorOf(error)));
    }
  }

  #read(call: number, ...[name, from, size]: Extract<WireCall, { method: 'read' }>['args']): boolean {
    const { maxRecords, maxBytes } = size;
    const page = this.store.read(name, from, { maxRecords, maxBytes: Math.min(maxBytes, MAX_PAGE_BYTES) });
    return this.send(pageToChild(this.records.writer, call, page));
  }

  #follow(call: number, name: LogName, presence: boolean): boolean {
    const { store, records } = this;
    const logs = name.kind === 'topic' ? this.#topics : this.#runs;
    const known = logs.get(name.name);
    const log = known ?? new FollowedLog(this, name);
    const { cursor, endBefore: end } = log;
    const members = presence && end === undefined ? log.watchPresence() : [];
    const started = {
      log: end === undefined ? log.number : undefined,
      cursor,
      end,
      revocations: store.revocations,
    };
    // The reply is the last of its messages, and the first has to find room.
    const parts = members.length === 0 ? [] : inParts(members);
    const messages = parts.map((part) => partToChild(records.writer, call, part));
    messages.push(followingToChild(records.writer, call, started));
    const [first, ...others] = messages as [Uint8Array, ...Uint8Array[]];
    if (!this.send(first)) {
      if (known === undefined) log.close();
      return false;
    }
    for (const message of others) this.sendUrgent(message);
    if (known !== undefined || end !== undefined) return true;
    if (this.#isOver) {
      log.close();
      return true;
    }
    logs.set(name.name, log);
    this.#byNumber.set(log.number, log);
    return true;
  }

  /** The state of the session is not known any more, so the child cannot go on with it. */
  #broken(problem: string, error: unknown): void {
    this.#services.log.warn('broken', { error, taskId: this.#door.taskId }, problem);
    this.close();
  }

  #forget(log: FollowedLog): void {
    const logs = log.name.kind === 'topic' ? this.#topics : this.#runs;
    if (logs.get(log.name.name) === log) logs.delete(log.name.name);
    this.#byNumber.delete(log.number);
    this.#postponed.delete(log);
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#waiting = [];
    this.#postponed.clear();
    for (const log of this.#byNumber.values()) log.close();
    this.#byNumber.clear();
    this.#topics.clear();
    this.#runs.clear();
    this.#calls.end();
    this.#services.over(this);
  }
}
