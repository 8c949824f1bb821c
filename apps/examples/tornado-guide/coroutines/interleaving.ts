// A handler that reads the next piece while the current one is sent.
import { Application, RequestHandler, sleep } from 'landspout';

const LINES = ['one\n', 'two\n', 'three\n'];

class Report extends RequestHandler {
  readonly #lines = LINES.values();

  async #nextLine(): Promise<string | undefined> {
    await sleep(10, { signal: this.signal });
    return this.#lines.next().value;
  }

  override async get(): Promise<void> {
    this.setHeader('Content-Type', 'text/plain; charset=UTF-8');
    let reading = this.#nextLine();
    for (;;) {
      const line = await reading;
      if (line === undefined) break;
      this.write(line);
      reading = this.#nextLine();
      await this.flush();
    }
  }
}

const app = new Application([['/report', Report]]);
const server = await app.listen({ port: process.env.PORT ?? 8888, host: '127.0.0.1' });
console.log(`listening on ${server.url}`);
