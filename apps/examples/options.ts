// A server whose options are on the command line, in the environment and in JSON files, and which logs to standard
// error or to a file that is rotated.
// Run: node options.ts --help, or: node options.ts --greeting=Hi --log-file-prefix=greeter.log --log-rotate-mode=time
import { Application, accessLog, basicAuth, HTTPError, RequestHandler } from 'landspout';
import { defineOptions, loggerOf, loggingOptions, serverOptions } from 'landspout/options';

const options = defineOptions(
  {
    ...serverOptions,
    ...loggingOptions,
    greeting: { type: 'string', default: 'Hello', help: 'how visitors are greeted' },
    visitors: {
      type: 'string',
      multiple: true,
      metavar: 'NAME,...',
      help: 'who is greeted; everyone by default',
    },
    cacheFor: { type: 'duration', default: '1m', max: '1h', help: 'how long browsers keep a greeting' },
    password: {
      type: 'string',
      secret: true,
      help: 'the password of the user greeter; none is asked for by default',
    },
  },
  { description: 'Greets visitors.', envPrefix: 'GREETER', files: ['greeter.json'], rest: false },
);
const { values } = options.parseOrExit();

class Greeting extends RequestHandler<'/hello/:name'> {
  override get(): void {
    const { name } = this.pathParams;
    if (values.visitors.length > 0 && !values.visitors.includes(name)) throw new HTTPError(404);
    this.setHeader('Cache-Control', `max-age=${Math.round(values.cacheFor / 1000)}`);
    this.write(`${values.greeting}, ${name}!\n`);
  }
}

const logger = await loggerOf(values);
const { password } = values;
const middleware =
  password === undefined ? [] : [basicAuth({ realm: 'Greetings', users: { greeter: password } })];
const app = new Application([['/hello/:name', Greeting]], { logger, logFunction: accessLog, middleware });
const { port, host, processes } = values;
const server = await app.start({ port, host, processes: processes === 0 ? 'cpus' : processes });
logger.info({ options: values }, 'started');
console.log(`listening on ${server.url}`);
await server.stopOnSignals().stopped;
await logger.close();
