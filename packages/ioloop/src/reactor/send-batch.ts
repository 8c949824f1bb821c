import type { Logger } from '../logger.ts';
import type { NativeBinding } from './native-binding.ts';

/** Something whose bytes leave together with those of others, in one call of the native side. */
export interface BatchedSender {
  /** What the kernel has taken, or the negative errno. Calls nothing of anybody else: others have not heard yet. */
  sendTaken(result: number): void;
  /** All senders have heard what was taken: what follows from it may happen. */
  sendSettled(result: number): void;
}

/** As many as one wake-up of the reactor brings. */
const MOST_SENDERS = 256;
/** What the native side converts in one call is 256 KiB. */
const MOST_CHARS = 192 * 1024;
/** Longer texts gain nothing by company. */
const LONG_CHARS = 16 * 1024;

/**
 * The short texts that leave at the end of one batch: one call for all of them, where each would cost as much for the
 * way into native code and back as for its own work. For each there is still one system call.
 */
export class SendBatch {
  readonly #binding: NativeBinding;
  readonly #logger: Logger;
  /** Slot, generation, and length; then, in place of the length, the result. */
  readonly #targets = new Int32Array(MOST_SENDERS * 3);
  #senders: BatchedSender[] = [];
  #text = '';

  constructor(binding: NativeBinding, logger: Logger) {
    this.#binding = binding;
    this.#logger = logger;
  }

  /**
   * Takes a latin1 text along with the next {@link run}. Until then it must stay the sender's next bytes.
   *
   * @returns false where there is no room for it, so that it has to be sent by itself.
   */
  add(sender: BatchedSender, slot: number, generation: number, text: string): boolean {
    const at = this.#senders.length * 3;
    const { length } = text;
    if (at === MOST_SENDERS * 3 || length > LONG_CHARS || this.#text.length + length > MOST_CHARS)
      return false;
    this.#targets[at] = slot;
    this.#targets[at + 1] = generation;
    this.#targets[at + 2] = length;
    this.#text += text;
    this.#senders.push(sender);
    return true;
  }

  /** Sends all that was added, and tells each sender twice: what was taken, and when all have heard that. */
  run(): void {
    const senders = this.#senders;
    const targets = this.#targets;
    const count = senders.length;
    if (count === 0) return;
    const text = this.#text;
    this.#text = '';
    this.#senders = [];
    try {
      this.#binding.sendBatch(targets, count, text);
    } catch (error) {
      // Nothing was sent: each tries by itself, and meets what is wrong with it.
      this.#logger.error({ error }, 'sending a batch failed');
      for (let at = 2; at < count * 3; at += 3) targets[at] = 0;
    }
    for (let i = 0; i < count; i += 1) {
      (senders[i] as BatchedSender).sendTaken(targets[i * 3 + 2] as number);
    }
    // They are told from within FlushQueue, which adds nothing meanwhile: what they write waits for the next flush.
    for (let i = 0; i < count; i += 1) {
      try {
        (senders[i] as BatchedSender).sendSettled(targets[i * 3 + 2] as number);
      } catch (error) {
        this.#logger.error({ error }, 'a flush failed');
      }
    }
  }
}
