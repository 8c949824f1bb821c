// Errors: the pages for them, early ends, and what is called for each request.
import { Application, Finish, HTTPError, html, RequestHandler } from 'landspout';

class BaseHandler<Path extends string = string> extends RequestHandler<Path> {
  protected calls: string[] = [];

  override setDefaultHeaders(): void {
    this.setHeader('X-Served-By', 'guide');
  }

  override prepare(): void {
    this.calls.push('prepare');
    if (this.request.headers.has('X-Closed')) {
      this.setStatus(503);
      this.finish('closed for today');
    }
  }

  override onFinish(): void {
    console.log(`${this.request.path}: ${this.status}`);
  }

  override writeError(status: number): void {
    this.write(html`<h1>${status}</h1><p>Sorry.</p>`);
  }
}

class Home extends BaseHandler {
  override get(): void {
    this.calls.push('get');
    this.write({ calls: this.calls });
  }
}

class Broken extends BaseHandler {
  override get(): void {
    throw new Error('a bug');
  }
}

class Order extends BaseHandler<'/order/:number'> {
  override get(): void {
    const number = Number(this.pathParams.number);
    if (!(number <= 100)) throw new HTTPError(404);
    if (number === 13) {
      this.setStatus(410);
      throw new Finish({ problem: 'it was cancelled' });
    }
    this.write({ order: number });
  }
}

class NotFound extends BaseHandler {
  override prepare(): void {
    throw new HTTPError(404);
  }
}

const routes = [
  ['/', Home],
  ['/broken', Broken],
  ['/order/:number', Order],
] as const;
const app = new Application(routes, { defaultHandlerClass: NotFound });

const server = await app.listen({ port: process.env.PORT ?? 8888, host: '127.0.0.1' });
console.log(`listening on ${server.url}`);
