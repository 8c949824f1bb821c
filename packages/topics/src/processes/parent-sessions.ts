import type { Clock, Logger } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { MessageDoor } from '@landspout/ioloop/processes';
import { RateLimitedLog } from '@landspout/ioloop/reactor';
import type { LocalStore } from './followed-log.ts';
import { ParentSession, type SessionServices } from './parent-session.ts';
import { SharedRecords } from './shared-records.ts';

/** The sessions of a parent with all of its children. */
export class ParentSessions {
  readonly #services: SessionServices;
  readonly #log: RateLimitedLog;
  readonly #sessions = new Set<ParentSession>();
  #hasServed = false;

  constructor(store: LocalStore, target: { readonly clock: Clock; readonly logger: Logger }) {
    this.#log = new RateLimitedLog(target);
    this.#services = {
      store,
      records: new SharedRecords(),
      log: this.#log,
      over: (session) => this.#sessions.delete(session),
    };
  }

  /** Number of children that use the backplane. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Whether there ever was a child. */
  get hasServed(): boolean {
    return this.#hasServed;
  }

  /** Bytes that children have not taken. */
  get queuedBytes(): number {
    let bytes = 0;
    for (const { queuedBytes } of this.#sessions) bytes += queuedBytes;
    return bytes;
  }

  /** Begins a session with a child that has opened its door. */
  accept(door: MessageDoor): ParentSession {
    this.#hasServed = true;
    const session = new ParentSession(this.#services, door);
    this.#sessions.add(session);
    return session;
  }

  close(): void {
    for (const session of this.#sessions) session.close();
    this.#log.flush();
  }

  [INSPECT](): object {
    return inspection(this, ['size', 'queuedBytes']);
  }
}
