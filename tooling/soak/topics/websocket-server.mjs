// What a server of `pnpm soak topics-faults` has besides its topics and runs: a TopicHandler.
import { Application } from '@landspout/web';
import { TopicHandler } from '@landspout/websocket/topics';

/**
 * @param {{ topics: TopicHandler['topics'], runs: TopicHandler['runs'] }} served
 * @returns {Promise<{ port: number }>} where it listens.
 */
export async function extend({ topics, runs }) {
  class Live extends TopicHandler {
    /** @override */
    topics = topics;
    /** @override */
    runs = runs;

    /** @override */
    authorize() {
      return true;
    }
  }
  const server = await new Application([['/live', Live]]).listen({ port: 0, host: '127.0.0.1' });
  return { port: Number(new URL(server.url).port) };
}
