import { MemoryBackplane, type NewRecord, type TopicSettings } from '../../../src/index.ts';

/** A backplane that takes appends only while it is open, as one behind a network that is lost. */
export class HeldBackplane extends MemoryBackplane {
  #waiting: (() => void)[] = [];
  #isHeld = false;
  #lost: Error | undefined;

  /** Keeps appends back until {@link release}. */
  hold(): void {
    this.#isHeld = true;
  }

  /** Makes the appends that are kept back, in order. */
  release(): void {
    this.#isHeld = false;
    for (const append of this.#waiting.splice(0)) append();
  }

  /** Rejects all appends from now on with this error. */
  fail(error: Error): void {
    this.#lost = error;
  }

  override async append(topic: string, record: NewRecord, settings: TopicSettings): Promise<string> {
    if (this.#isHeld) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.#lost !== undefined) throw this.#lost;
    return await super.append(topic, record, settings);
  }
}
