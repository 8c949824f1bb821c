// Asynchronous handlers: one that fetches, and one that waits for another request.
import { Application, AsyncHTTPClient, Condition, RequestHandler, sleep } from 'landspout';

const news = new Condition();
const client = new AsyncHTTPClient();

class Prices extends RequestHandler {
  override async get(): Promise<void> {
    await sleep(10);
    this.write({ tea: 3, coffee: 4 });
  }
}

class Menu extends RequestHandler {
  override async get(): Promise<void> {
    const url = new URL('/prices', this.request.fullUrl());
    const response = await client.fetch(url, { signal: this.signal });
    this.setHeader('Content-Type', 'text/plain; charset=UTF-8');
    this.write(`${response.text().split(',').length} prices`);
  }
}

class Wait extends RequestHandler {
  override async get(): Promise<void> {
    this.write('waiting ...\n');
    await this.flush();
    await news.wait({ signal: this.signal }); // rejects if the client leaves
    this.finish('there is news\n');
  }

  override post(): void {
    news.notifyAll();
    this.setStatus(204);
  }

  override onConnectionClose(): void {
    console.log('a reader left');
  }
}

const app = new Application([
  ['/prices', Prices],
  ['/menu', Menu],
  ['/wait', Wait],
]);

const server = await app.listen({ port: process.env.PORT ?? 8888, host: '127.0.0.1' });
console.log(`listening on ${server.url}`);
