// A service as it is deployed: probes, one or several processes, a graceful stop. The files of deploying/ run it under
// systemd, behind nginx and in Kubernetes. Run: node health.ts [port], then: curl localhost:8888/readyz
// While a file named "maintenance" is in the current folder, the service is not ready: load balancers then send requests
// elsewhere, and responses still arrive.
import { existsSync } from 'node:fs';
import { Application, LivenessHandler, ReadinessHandler, RequestHandler } from 'landspout/web';

class Hello extends RequestHandler {
  override get(): void {
    this.write(`Hello from process ${process.pid}\n`);
  }
}

const app = new Application([
  ['/', Hello],
  ['/livez', LivenessHandler],
  // Anything that the service cannot work without, such as: database: (signal) => pool.query('SELECT 1', { signal })
  ['/readyz', ReadinessHandler, { checks: { maintenance: () => !existsSync('maintenance') } }],
]);
const port = process.argv[2] ?? process.env.PORT ?? 8888;
const host = process.env.HOST ?? '127.0.0.1';
const processes = Number(process.env.PROCESSES ?? 1);
// The addresses of proxies in front of this server, which say for whom they send a request.
const trustedProxies = ['127.0.0.1'];
const server = await app.start({ processes, port, host, trustedProxies });
console.log(`listening on ${server.url}`);
