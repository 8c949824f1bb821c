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

/** Calls of one child that wait for room. A child has a limit of its own, which is lower. */
const MAX_WAITING_CALLS = 200_000;

/** A page that is longer would keep other messages waiting, and a message has a limit. */
const MAX_PAGE_BYTES = 4 * 1024 * 1024;

/** What a child of a later version may call for. */
const READING: ReadonlySet<WireCall['method']> = new Set(['runInfo', 'stats'] as const);

/** A call whose reply may be large. */
interface WaitingCall {
  readonly call: number;
  readonly wire: Extract<WireCall, { method: 'read' | 'follow' }>;
}

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
  #waiting: WaitingCall[] = [];
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

  /** Number of calls that wait until there is room for their replies. */
  get waitingCalls(): number {
    return this.#waiting.length;
  }

  /** Ends the session. */
  close(): void {
    if (this.#isOver) return;
    this.#door.close();
    this.#over();
  }

  [INSPECT](): object {
    return inspection(this, ['queuedBytes', 'waitingCalls', 'isFull'], () => ({
      followed: this.#byNumber.size,
      postponed: this.#postponed.size,
    }));
  }

  // Called by the door.

  message(message: Uint8Array): void {
    try {
      readFromChild(message, this);
    } catch (error) {
      // The state of the session is not known any more: the child has to start again.
      this.#services.log.warn(
        'message',
        { error },
        'a message of a child cannot be read; its door is closed',
      );
      this.close();
    }
  }

  drained(): void {
    this.#isFull = false;
    this.#flush();
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
    this.#door.send(message, true);
  }

  postpone(log: FollowedLog): void {
    if (!this.#isOver) this.#postponed.add(log);
  }

  ended(log: FollowedLog): void {
    this.#forget(log);
  }

  // What the child has sent.

  hello(call: number, version: number): void {
    this.sendUrgent(helloToChild(this.records.writer, call, WIRE_VERSION));
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
    this.#replyCursor(call, () => this.store.append(topic, record, settings));
  }

  write(call: number, id: string, token: number, payload: Payload): void {
    this.#replyCursor(call, () => this.store.writeRun(id, token, payload));
  }

  call(call: number, wire: WireCall): void {
    if (wire.method === 'read' || wire.method === 'follow') {
      this.#callWithRoom(call, wire);
      return;
    }
    if (this.#newerVersion !== undefined && !READING.has(wire.method)) this.#refuse(call, this.#newerVersion);
    else void this.#reply(call, this.#calls.make(wire));
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
    this.#fail(call, error);
  }

  #fail(call: number, error: unknown): void {
    this.sendUrgent(failureToChild(this.records.writer, call, wireErrorOf(error)));
  }

  /** Replies to a call that returns a cursor. Publishing is frequent, so this is no async function. */
  #replyCursor(call: number, make: () => Promise<string>): void {
    if (this.#newerVersion !== undefined) {
      this.#refuse(call, this.#newerVersion);
      return;
    }
    this.#calls.begin();
    make().then(
      (cursor) => {
        this.sendUrgent(cursorToChild(this.records.writer, call, cursor, this.#postponed.size > 0));
        this.#calls.settled();
      },
      (error) => {
        this.#fail(call, error);
        this.#calls.settled();
      },
    );
  }

  async #reply(call: number, made: Promise<unknown>): Promise<void> {
    try {
      this.sendUrgent(resultToChild(this.records.writer, call, await made));
    } catch (error) {
      this.#fail(call, error);
    }
  }

  /** Makes a call whose reply may be large, after those that wait. */
  #callWithRoom(call: number, wire: WaitingCall['wire']): void {
    if (this.#waiting.length >= MAX_WAITING_CALLS) {
      const busy = new BackplaneError(
        'ERR_TOPICS_BUSY',
        `${MAX_WAITING_CALLS} calls of this child wait for room already; nothing was done`,
      );
      this.#fail(call, busy);
      return;
    }
    this.#waiting.push({ call, wire });
    if (!this.#isFull && this.#waiting.length === 1) this.#flush();
  }

  /** Sends what is due while there is room: in turn, so that neither logs nor calls wait for each other. */
  #flush(): void {
    let next = 0;
    while (!this.#isFull && !this.#isOver) {
      const call = this.#waiting[next];
      if (call !== undefined && this.#answer(call)) next += 1;
      const log = this.#postponed.values().next().value;
      if (log === undefined && call === undefined) break;
      if (log === undefined || this.#isFull) continue;
      this.#postponed.delete(log);
      if (log.flush() !== 'done') this.#postponed.add(log);
    }
    if (next > 0) this.#waiting.splice(0, next);
  }

  /** @returns false if there is no room for the reply. */
  #answer({ call, wire }: WaitingCall): boolean {
    try {
      return wire.method === 'read' ? this.#read(call, ...wire.args) : this.#follow(call, ...wire.args);
    } catch (error) {
      this.#fail(call, error);
      return true;
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
    const messages = inParts(members).map((part) => partToChild(records.writer, call, part));
    messages.push(followingToChild(records.writer, call, started));
    const [first, ...others] = messages as [Uint8Array, ...Uint8Array[]];
    if (!this.send(first)) {
      if (known === undefined) log.close();
      return false;
    }
    for (const message of others) this.sendUrgent(message);
    if (known !== undefined || end !== undefined) return true;
    logs.set(name.name, log);
    this.#byNumber.set(log.number, log);
    return true;
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
