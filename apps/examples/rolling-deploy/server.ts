// A small chat server, of which two versions may run at the same time: rooms are topics on Redis, which all processes
// share. Run: REDIS_URL=redis://127.0.0.1:6379 VERSION=1 node rolling-deploy/server.ts [port]
import { RedisBackplane } from '@landspout/topics-redis';
import { Application, RequestHandler, route } from 'landspout';
import { Topics } from 'landspout/topics';
import { type TopicAuthorization, TopicHandler } from 'landspout/websocket/topics';

const { VERSION = '1', REDIS_URL = 'redis://127.0.0.1:6379' } = process.env;
/** How long a stop may take, and how many WebSockets it closes in a second. */
const { DRAIN_MS = '30000', CLOSES_PER_SECOND = '500' } = process.env;
const port = process.argv[2] ?? process.env.PORT ?? 8888;

const backplane = await RedisBackplane.connect({ url: REDIS_URL });
const topics = new Topics({ backplane, maxRecordBytes: 4096 });

class Live extends TopicHandler {
  override readonly topics = topics;
  override authorize({ action, topic }: TopicAuthorization): boolean {
    return topic.startsWith('room:') && (action === 'subscribe' || action === 'publish');
  }
}

/** For the deploy, and for a load balancer: which version serves new connections. */
class Version extends RequestHandler {
  override get(): void {
    this.setHeader('Cache-Control', 'no-store');
    this.write(VERSION);
  }
}

const app = new Application([route('/live', Live), route('/version', Version)]);
// Addresses of clients, for logs and limits, are those that nginx reports.
const server = await app.listen({ port, host: '127.0.0.1', trustedProxies: ['127.0.0.1'] });
const drainMs = Number(DRAIN_MS);
const { stopped } = server.stopOnSignals({ drainMs, closesPerSecond: Number(CLOSES_PER_SECOND) });
console.log(`version ${VERSION} listens on ${server.url}`);

const { cut } = await stopped;
await topics.close();
await backplane.close();
console.log(`version ${VERSION} has stopped; ${cut} connections were cut`);
