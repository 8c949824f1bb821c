import { BackplaneError } from '@landspout/topics';
import { readAnnouncement } from '../../src/announcement.ts';
import type { LinkWatcher, RedisLink } from '../../src/connection/redis-link.ts';

/** What happens to an announcement. */
export type Fate = 'pass' | 'drop' | 'twice' | 'after the next';

/**
 * A link whose announcements may be lost, doubled or overtaken, without any sign of it: as between the nodes of a cluster
 * when their connections break.
 */
export class LossyLink implements RedisLink {
  readonly #link: RedisLink;
  /** Decides the fate of each announcement by its kind. */
  fateOf: (kind: string | undefined) => Fate = () => 'pass';
  /** Whether the connection for commands is lost, while the one for announcements is not. */
  isCutOff = false;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  get isConnected(): boolean {
    return this.#link.isConnected;
  }

  async run(...args: Parameters<RedisLink['run']>) {
    this.#requireConnection();
    return this.#link.run(...args);
  }

  async send(...args: Parameters<RedisLink['send']>) {
    this.#requireConnection();
    return this.#link.send(...args);
  }

  subscribe(channel: string, heard: (message: Buffer) => void): Promise<void> {
    let held: Buffer | undefined;
    return this.#link.subscribe(channel, (message) => {
      const fate = this.fateOf(readAnnouncement(message)?.kind);
      const late = held;
      held = fate === 'after the next' ? message : undefined;
      if (fate === 'pass' || fate === 'twice') heard(message);
      if (fate === 'twice') heard(Buffer.from(message));
      if (late !== undefined) heard(late);
    });
  }

  unsubscribe(channel: string): void {
    this.#link.unsubscribe(channel);
  }

  watch(watcher: LinkWatcher): () => void {
    return this.#link.watch(watcher);
  }

  close(): Promise<void> {
    return this.#link.close();
  }

  #requireConnection(): void {
    if (this.isCutOff) throw new BackplaneError('ERR_TOPICS_UNAVAILABLE', 'the test has cut it off');
  }
}
