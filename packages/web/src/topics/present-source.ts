import { shownValue } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { callReporting } from '@landspout/ioloop/reactor';
import { WebUsageError } from '../errors.ts';
import type {
  CursorAttachment,
  CursorEvent,
  CursorReadOptions,
  CursorSource,
  CursorSubscription,
  EndEvent,
} from '../event-stream/cursor-source.ts';
import type { TopicDoorHandler, TopicPresence, TopicSource } from './door-handler.ts';
import { leaveFailed } from './leave-failed.ts';

/** Lets a member leave; failures are logged. */
type Leave = () => void;

/**
 * A topic in which the member that a handler returns is present for as long as a client reads it: it joins before
 * reading begins, and leaves when the reader is closed, or if it could not be opened.
 */
export class PresentSource implements CursorSource {
  readonly attach?: NonNullable<CursorSource['attach']>;
  readonly #topic: TopicSource;
  readonly #name: string;
  readonly #handler: TopicDoorHandler;

  /** @param name - what the client calls the topic. */
  constructor(topic: TopicSource, name: string, handler: TopicDoorHandler) {
    this.#topic = topic;
    this.#name = name;
    this.#handler = handler;
    if (topic.attach !== undefined)
      this.attach = async (sink, options) => {
        const [attachment, leave] = await this.#opened((source) =>
          (source.attach as NonNullable<CursorSource['attach']>)(sink, options),
        );
        return leave === undefined ? attachment : new PresentAttachment(attachment, leave);
      };
  }

  get revocations(): number | undefined {
    return this.#topic.revocations;
  }

  async subscribe(options: CursorReadOptions): Promise<CursorSubscription> {
    const [subscription, leave] = await this.#opened((source) => source.subscribe(options));
    return leave === undefined ? subscription : new PresentSubscription(subscription, leave);
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ name: this.#name }));
  }

  async #opened<Reader>(
    open: (source: TopicSource) => Promise<Reader>,
  ): Promise<readonly [Reader, Leave | undefined]> {
    const leave = await this.#join();
    try {
      return [await open(this.#topic), leave];
    } catch (error) {
      leave?.();
      throw error;
    }
  }

  /** @returns undefined if no member is present. */
  async #join(): Promise<Leave | undefined> {
    const { response, log } = this.#handler;
    const returned: unknown = await this.#handler.member?.({ topic: this.#name });
    // A client that has gone meanwhile is not announced.
    if (returned === undefined || response.gone !== undefined) return undefined;
    const presence = await joined(this.#topic, returned);
    return () =>
      callReporting(
        () => presence.leave(),
        undefined,
        (error) => leaveFailed(log, error),
      );
  }
}

/** @throws WebUsageError `ERR_WEB_USAGE` for a mistake in the program, and what `join` throws. */
async function joined(topic: TopicSource, returned: unknown): Promise<TopicPresence> {
  const { member, meta } = (returned ?? {}) as { readonly member?: unknown; readonly meta?: unknown };
  if (typeof member !== 'string') throw wrongMember(returned);
  if (topic.join === undefined) {
    const problem = 'member: the topic has no method join, so that no member can be present; remove member';
    throw new WebUsageError('ERR_WEB_USAGE', problem);
  }
  try {
    return await topic.join(member, meta === undefined ? {} : { meta });
  } catch (error) {
    // The client has not caused it: the member is invalid.
    if ((error as { readonly code?: unknown } | null)?.code === 'ERR_TOPICS_USAGE')
      throw wrongMember(returned, error);
    throw error;
  }
}

function wrongMember(returned: unknown, cause?: unknown): WebUsageError {
  const expected =
    'undefined or { member, meta }: text of 1 to 256 bytes without control characters, and JSON of at most 1 KiB';
  return new WebUsageError('ERR_WEB_USAGE', `member must return ${expected}; got ${shownValue(returned)}`, {
    cause,
  });
}

/** A reader during which a member is present. */
class PresentReader<Reader extends CursorAttachment | CursorSubscription> {
  protected readonly reader: Reader;
  #leave: Leave | undefined;

  constructor(reader: Reader, leave: Leave) {
    this.reader = reader;
    this.#leave = leave;
  }

  get cursor(): string {
    return this.reader.cursor;
  }

  get end(): EndEvent | undefined {
    return this.reader.end;
  }

  close(): void {
    this.reader.close();
    const leave = this.#leave;
    this.#leave = undefined;
    leave?.();
  }

  [INSPECT](): object {
    return inspection(this, ['cursor', 'end']);
  }
}

class PresentAttachment extends PresentReader<CursorAttachment> implements CursorAttachment {
  resume(): void {
    this.reader.resume();
  }
}

class PresentSubscription extends PresentReader<CursorSubscription> implements CursorSubscription {
  [Symbol.asyncIterator](): AsyncIterator<CursorEvent> {
    return this.reader[Symbol.asyncIterator]();
  }
}
