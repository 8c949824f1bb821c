// The smallest web application: two routes, one of them with a parameter.
// Run: node hello.ts [port], then open the URL that it prints.
import { Application, RequestHandler } from 'landspout';

class Home extends RequestHandler {
  override get(): void {
    this.write('<!DOCTYPE html><p>Hello, world. There is also <a href="/hello/you">/hello/you</a>.</p>\n');
  }
}

class Hello extends RequestHandler<'/hello/:name'> {
  override get(): void {
    this.write({ hello: this.pathParams.name }); // an object becomes JSON
  }
}

const app = new Application([
  ['/', Home],
  ['/hello/:name', Hello],
]);
const port = process.argv[2] ?? process.env.PORT ?? 8888;
const server = await app.listen({ port, host: '127.0.0.1' });
console.log(`listening on ${server.url}`);
