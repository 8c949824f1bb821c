import { TopicsError } from './errors.ts';
import type { TopicEvent, TopicHandlers, TopicPosition, TopicSubscription } from './events.ts';
import type { TopicsClient } from './topics-client.ts';

/** Events that are kept for a slow loop; those after them are asked for when the loop has caught up. */
const MAX_UNREAD = 1_000;

/**
 * Reads a topic in a loop. It ends after the end of the topic, and when the client is closed; leaving it closes the
 * subscription. While the loop is slow, at most 1,000 events are kept, and the rest waits at the server.
 *
 * @throws TopicsError as `subscribe` and `onError` of {@link TopicHandlers}.
 *
 * @example
 * for await (const event of readTopic<string>(topics, 'room:1')) {
 *   if (event.kind === 'record') console.log(event.data);
 * }
 */
export function readTopic<Message>(
  topics: TopicsClient,
  topic: string,
  position: TopicPosition = {},
): AsyncGenerator<TopicEvent<Message>, void, undefined> {
  return read((handlers) => topics.subscribe<Message>(topic, handlers), position);
}

/** Reads a run in a loop, by default from its start. See {@link readTopic}. */
export function readRun<Message>(
  topics: TopicsClient,
  id: string,
  position: TopicPosition = {},
): AsyncGenerator<TopicEvent<Message>, void, undefined> {
  return read((handlers) => topics.run<Message>(id, handlers), position);
}

async function* read<Message>(
  subscribe: (handlers: TopicHandlers<Message>) => TopicSubscription,
  position: TopicPosition,
): AsyncGenerator<TopicEvent<Message>, void, undefined> {
  const events: TopicEvent<Message>[] = [];
  let failure: Error | undefined;
  let isPaused = false;
  let wake = () => {};
  const add = (event: TopicEvent<Message>) => {
    isPaused = events.push(event) >= MAX_UNREAD;
    if (isPaused) subscription.close();
    wake();
  };
  const handlers: TopicHandlers<Message> = {
    onRecord: (data, cursor) => add({ kind: 'record', data, cursor }),
    onGap: add,
    onEnd: add,
    onError: (error) => {
      failure = error;
      wake();
    },
  };
  let subscription = subscribe({ ...position, ...handlers });
  try {
    for (;;) {
      for (let event = events.shift(); event; event = events.shift()) {
        yield event;
        if (event.kind === 'end') return;
      }
      if (failure) throw failure;
      if (isPaused) {
        isPaused = false;
        subscription = subscribe({ ...handlers, after: subscription.cursor as string });
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } catch (error) {
    if (!(error instanceof TopicsError && error.code === 'ERR_TOPICS_CLOSED')) throw error;
  } finally {
    subscription.close();
  }
}
