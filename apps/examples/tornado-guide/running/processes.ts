// Two processes on one port.
import { Application, RequestHandler, taskId } from 'landspout';

class Task extends RequestHandler {
  override get(): void {
    this.write({ task: taskId() });
  }
}

const app = new Application([['/', Task]]);
const server = await app.start({
  port: process.env.PORT ?? 8888,
  host: '127.0.0.1',
  processes: 2, // or 'cpus'
});
console.log(`listening on ${server.url}`);
