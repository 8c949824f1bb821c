import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { Backplane, Following, LogFollower } from '../backplane/backplane.ts';
import type { TopicEnd } from '../record.ts';

/** What a watch reports. The callbacks must not throw. */
export interface WatchCallbacks {
  cancelRequested?(): void;
  ended?(end: TopicEnd): void;
}

/** Follows one run until its end. It ignores the records. */
export class RunWatch {
  /** The end of the run, or `closed` if the watch or the backplane was closed before. Never rejects. */
  readonly ended: Promise<TopicEnd>;
  readonly #callbacks: WatchCallbacks;
  #resolve!: (end: TopicEnd) => void;
  #following: Following | undefined;
  #isFollowed = false;
  #end: TopicEnd | undefined;

  constructor(callbacks: WatchCallbacks = {}) {
    this.#callbacks = callbacks;
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Whether the run is followed, or about to be: otherwise {@link ended} stays pending. */
  get isFollowed(): boolean {
    return this.#isFollowed;
  }

  /** Undefined while the run goes on, as far as it is known here. */
  get end(): TopicEnd | undefined {
    return this.#end;
  }

  /** @throws RunError `ERR_RUN_NOT_FOUND`; BackplaneError. */
  async follow(backplane: Backplane, id: string): Promise<void> {
    const follower: LogFollower = {
      record: () => {},
      gap: () => {},
      ended: (end) => this.#finish(end),
      cancelRequested: () => {
        if (this.#end === undefined) this.#callbacks.cancelRequested?.();
      },
    };
    this.#isFollowed = true;
    let following: Following;
    try {
      following = await backplane.follow({ kind: 'run', name: id }, follower, { presence: false });
    } catch (error) {
      this.#isFollowed = false;
      throw error;
    }
    this.#following = following;
    if (following.end !== undefined) this.#finish(following.end);
    else if (this.#end !== undefined) following.close();
  }

  /** Stops following. */
  close(): void {
    this.#finish({ kind: 'end', how: 'closed', cursor: this.#following?.cursor ?? '' });
  }

  [INSPECT](): object {
    return inspection(this, ['isFollowed', 'end']);
  }

  #finish(end: TopicEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#following?.close();
    this.#resolve(end);
    this.#callbacks.ended?.(end);
  }
}
