// The smallest web application.
import { Application, RequestHandler } from 'landspout';

class Hello extends RequestHandler {
  override get(name: string): void {
    this.write(`Hello, ${name || 'world'}`);
  }
}

const app = new Application([[/\/(\w*)/, Hello]]);
const server = await app.listen({ port: process.env.PORT ?? 8888, host: '127.0.0.1' });
console.log(`listening on ${server.url}`);
