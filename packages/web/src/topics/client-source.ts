import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { HTTPError } from '../errors.ts';
import type { CursorReadOptions, CursorSource, CursorSubscription } from '../event-stream/cursor-source.ts';
import type { TopicDoorHandler, TopicSource } from './door-handler.ts';
import { PresentSource } from './present-source.ts';
import type { TopicTarget } from './topic-target.ts';

/**
 * What a client asks for, looked up only when it is allowed: the program's `topic` is not called for names that clients
 * make up, and does not show them which ones it knows.
 */
export class ClientSource implements CursorSource {
  readonly #handler: TopicDoorHandler;
  readonly #target: TopicTarget;

  constructor(handler: TopicDoorHandler, target: TopicTarget) {
    this.#handler = handler;
    this.#target = target;
  }

  get revocations(): number | undefined {
    return this.#handler.topics.revocations;
  }

  /** @throws HTTPError 404 if the handler has no runs; what `topic` of the handler throws. */
  resolve(): CursorSource {
    const { kind, name } = this.#target;
    const handler = this.#handler;
    if (kind === 'topic') return withMember(handler, topicOf(handler, name), name);
    if (handler.runs !== undefined) return handler.runs.reader(name);
    throw new HTTPError(404);
  }

  subscribe(options: CursorReadOptions): Promise<CursorSubscription> {
    return this.resolve().subscribe(options);
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ target: this.#target }));
  }
}

/** The topic with a name that a client has sent. */
export function topicOf(handler: TopicDoorHandler, name: string): TopicSource {
  return handler.topic === undefined ? handler.topics.topic(name) : handler.topic(name);
}

/** A HEAD request subscribes to nothing. */
function withMember(handler: TopicDoorHandler, topic: TopicSource, name: string): CursorSource {
  const isPresent = handler.member !== undefined && handler.request.method !== 'HEAD';
  return isPresent ? new PresentSource(topic, name, handler) : topic;
}
