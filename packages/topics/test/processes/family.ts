import { type ChildEnd, doorPair, type ParentEnd } from '@landspout/ioloop/testing';
import { JournalBackplane, MemoryBackplane, type ProcessesBackplaneOptions } from '../../src/index.ts';
import { ChildBackplane } from '../../src/processes/child-backplane.ts';
import type { LocalStore } from '../../src/processes/followed-log.ts';
import type { ParentSession } from '../../src/processes/parent-session.ts';
import { ParentSessions } from '../../src/processes/parent-sessions.ts';
import { type ProcessesRules, requireProcessesOptions } from '../../src/processes/processes-options.ts';
import { recordingLogger } from '../journal/scratch.ts';

/** One child: its side of the backplane, and the two ends of its channel. */
export interface FamilyChild {
  readonly backplane: ChildBackplane;
  readonly session: ParentSession;
  readonly parentEnd: ParentEnd;
  readonly childEnd: ChildEnd;
}

/** A parent and its children in one process, connected by sockets. */
export class Family {
  readonly store: LocalStore;
  readonly sessions: ParentSessions;
  readonly logger = recordingLogger();
  readonly children: FamilyChild[] = [];
  readonly #options: ProcessesBackplaneOptions;
  readonly #rules: ProcessesRules;

  private constructor(options: ProcessesBackplaneOptions, store: LocalStore) {
    this.#options = options;
    this.#rules = requireProcessesOptions({ ...options, logger: this.logger });
    this.store = store;
    this.sessions = new ParentSessions(store, this.#rules);
  }

  static async create(options: ProcessesBackplaneOptions = {}): Promise<Family> {
    const { limits, clock, journal } = requireProcessesOptions(options);
    const store =
      journal === undefined
        ? new MemoryBackplane({ ...limits, clock })
        : await JournalBackplane.open({ ...journal, logger: recordingLogger() });
    return new Family(options, store);
  }

  get nodes(): ChildBackplane[] {
    return this.children.map(({ backplane }) => backplane);
  }

  /** The first children, for tests that have so many. */
  get firstThree(): readonly [FamilyChild, FamilyChild, FamilyChild] {
    return this.children as unknown as readonly [FamilyChild, FamilyChild, FamilyChild];
  }

  /** The child of that number. */
  child(index: number): FamilyChild {
    return this.children[index] as FamilyChild;
  }

  async fork(count: number): Promise<void> {
    for (let left = count; left > 0; left -= 1) await this.forkOne();
  }

  /** @param maxQueuedBytes - of this child only, in both directions. */
  async forkOne(maxQueuedBytes = this.#rules.maxQueuedBytes): Promise<FamilyChild> {
    const { logger } = this;
    const [parentEnd, childEnd] = doorPair({ taskId: this.children.length, logger });
    const options = { maxQueuedBytes };
    let session: ParentSession | undefined;
    parentEnd.serveDoor(
      'topics',
      (door) => {
        session = this.sessions.accept(door);
        return session;
      },
      options,
    );
    const rules = requireProcessesOptions({ ...this.#options, logger });
    const backplane = await ChildBackplane.open(rules, (handler) =>
      childEnd.openDoor('topics', handler, options),
    );
    const child = { backplane, session: session as ParentSession, parentEnd, childEnd };
    this.children.push(child);
    return child;
  }

  /** Kills one child, and removes it. */
  kill(index: number): void {
    for (const { childEnd } of this.children.splice(index, 1)) childEnd.kill();
  }

  async endAll(how: 'close' | 'kill'): Promise<void> {
    for (const { backplane, childEnd } of this.children) {
      if (how === 'close') await backplane.close();
      childEnd.kill();
    }
    this.children.length = 0;
  }

  async close(): Promise<void> {
    await this.endAll('close');
    this.sessions.close();
    await this.store.close();
  }
}
