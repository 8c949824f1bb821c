import type { Logger } from '../logger.ts';
import type { NativeBinding } from './native-binding.ts';

/** An object whose bytes are sent together with those of others, in one native call. */
export interface BatchedSender {
  /**
   * Receives the number of bytes that the kernel has accepted, or the negative errno. Must not call other code: the
   * other senders have not been notified yet.
   */
  sendTaken(result: number): void;
  /** Called after all senders have received their results. May now call other code, and write again. */
  sendSettled(result: number): void;
}

/** Maximum number of senders in a batch: as many as one wake-up of the reactor can report. */
const MOST_SENDERS = 256;
/**
 * Maximum total length of a batch. The native code converts at most 256 KiB in one call; texts of more than about 100 KiB
 * cost V8 twice as much for each character.
 */
const MOST_CHARS = 64 * 1024;
/** A longer text gains nothing from being sent in a batch. */
const LONG_CHARS = 16 * 1024;

/**
 * Sends the short texts of one batch with a single native call. With one native call for each text, the switch to
 * native code would cost as much as the send itself. There is still one system call for each text.
 */
export class SendBatch {
  readonly #binding: NativeBinding;
  readonly #logger: Logger;
  /** Triples of slot, generation and length; the result replaces the length. */
  readonly #targets = new Int32Array(MOST_SENDERS * 3);
  #senders: BatchedSender[] = [];
  #text = '';

  constructor(binding: NativeBinding, logger: Logger) {
    this.#binding = binding;
    this.#logger = logger;
  }

  /**
   * Adds a latin1 text to the next {@link run}. Until then, the sender must not send other bytes before this text.
   *
   * @returns false if there is no room, so that the text must be sent separately.
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

  /**
   * Sends everything that was added. Notifies each sender twice: of its own result, and again after all senders have
   * received theirs.
   */
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
      // Nothing was sent. Each sender then sends separately, and the one that caused the error receives it.
      this.#logger.error({ error }, 'sending a batch failed; each writer sends separately');
      for (let at = 2; at < count * 3; at += 3) targets[at] = 0;
    }
    for (let i = 0; i < count; i += 1) {
      (senders[i] as BatchedSender).sendTaken(targets[i * 3 + 2] as number);
    }
    // FlushQueue, which calls this, adds nothing to the batch meanwhile: bytes that these calls write wait for the next
    // flush.
    for (let i = 0; i < count; i += 1) {
      try {
        (senders[i] as BatchedSender).sendSettled(targets[i * 3 + 2] as number);
      } catch (error) {
        this.#logger.error({ error }, 'a writer threw when notified of the result of a batch');
      }
    }
  }
}
