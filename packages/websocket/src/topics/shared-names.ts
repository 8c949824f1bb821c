import { INSPECT, inspection } from '@landspout/ioloop/inspection';

const MAX_NAMES = 1024;

/** Recent names, so that the subscriptions of very many clients to a topic share the text of its name. */
class SharedNames {
  /** The oldest first. */
  readonly #names = new Map<string, string>();

  /** Returns an equal text. */
  of(name: string): string {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    this.#names.set(name, name);
    if (this.#names.size > MAX_NAMES) {
      for (const oldest of this.#names.keys()) {
        this.#names.delete(oldest);
        break;
      }
    }
    return name;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ size: this.#names.size }));
  }
}

export const sharedNames = new SharedNames();
