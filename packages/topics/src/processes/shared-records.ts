import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { LogName } from '../backplane/backplane.ts';
import { ByteWriter } from '../codec/byte-writer.ts';
import type { TopicRecord } from '../record.ts';
import { recordToChild } from './wire-replies.ts';

interface NumberedLog {
  readonly number: number;
  /** How many children follow it. */
  followers: number;
}

/**
 * What the children of a parent have in common: each log that is followed has one number for all of them, so that a
 * record is encoded once, however many children get it.
 */
export class SharedRecords {
  /** For all messages to children. What is taken from it is never written to again. */
  readonly writer = new ByteWriter();
  readonly #topics = new Map<string, NumberedLog>();
  readonly #runs = new Map<string, NumberedLog>();
  #lastNumber = 0;
  /** All children are notified of a record one after the other, so the last one is enough. */
  #encoded:
    | { readonly record: TopicRecord; readonly number: number; readonly message: Uint8Array }
    | undefined;

  /** The number of a log, which one more child follows. It is never used again after the last one has stopped. */
  begin({ kind, name }: LogName): number {
    const logs = this.#of(kind);
    let log = logs.get(name);
    if (log === undefined) {
      this.#lastNumber += 1;
      log = { number: this.#lastNumber, followers: 0 };
      logs.set(name, log);
    }
    log.followers += 1;
    return log.number;
  }

  /** One child fewer follows a log. */
  end({ kind, name }: LogName, number: number): void {
    const logs = this.#of(kind);
    const log = logs.get(name);
    if (log?.number !== number) return;
    log.followers -= 1;
    if (log.followers === 0) logs.delete(name);
  }

  /** The message that brings a record to each child that follows the log. */
  messageOf(number: number, record: TopicRecord): Uint8Array {
    if (this.#encoded?.record !== record || this.#encoded.number !== number) {
      this.#encoded = { record, number, message: recordToChild(this.writer, number, record) };
    }
    return this.#encoded.message;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ topics: this.#topics.size, runs: this.#runs.size }));
  }

  #of(kind: LogName['kind']): Map<string, NumberedLog> {
    return kind === 'topic' ? this.#topics : this.#runs;
  }
}
