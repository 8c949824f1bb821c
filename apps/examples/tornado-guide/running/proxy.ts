// Behind a proxy: the address and the protocol of the client, from the headers of the proxy.
import { Application, RequestHandler } from 'landspout';

class WhoAmI extends RequestHandler {
  override get(): void {
    this.write({ ip: this.request.remoteIp, protocol: this.request.protocol });
  }
}

const app = new Application([['/', WhoAmI]]);
const server = await app.listen({
  port: process.env.PORT ?? 8888,
  host: '127.0.0.1',
  trustedProxies: ['127.0.0.1'], // from others the headers do not count
});
console.log(`listening on ${server.url}`);
