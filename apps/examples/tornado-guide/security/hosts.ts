// Protection against DNS rebinding: only requests for the host names of the site are served.
import { Application, RequestHandler } from 'landspout';

const hosts = ['127.0.0.1', 'www.example.com'];

class Home extends RequestHandler {
  override get(): void {
    this.write(`Welcome to ${this.request.hostName}`);
  }
}

const app = new Application([['/', Home]], { hosts });
const server = await app.listen({ port: process.env.PORT ?? 8888, host: '127.0.0.1' });
console.log(`listening on ${server.url}`);
