import { ChromiumPage } from '@landspout/tooling-chromium';
import { describe, expect, it } from 'vitest';
import { AsyncHTTPClient } from '../../../httpclient/src/index.ts';
import { Application, type HTTPServer, RequestHandler } from '../../src/index.ts';
import { allow, until } from '../fixtures/event-streams.ts';
import { MemoryLog } from '../fixtures/memory-log.ts';
import { signalled } from '../fixtures/running-application.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** A server that can be replaced by another one on the same port, as in a deployment. */
class ReplacedServer implements AsyncDisposable {
  readonly #app: Application;
  #server: HTTPServer | undefined;
  #port = 0;

  constructor(app: Application) {
    this.#app = app;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    this.#server = await this.#app.listen({ port: this.#port, host: '127.0.0.1' });
    this.#port = this.#server.port;
  }

  async stop(): Promise<void> {
    await this.#server?.stop({ graceMs: 0 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.closeAll();
  }
}

/** The EventSource of a page adds what it receives to a list, which it posts when the stream is at its end. */
const PAGE = `<!doctype html><script>
  const received = [];
  const source = new EventSource('/events');
  const tell = (path, value) => fetch(path, { method: 'POST', body: JSON.stringify(value) });
  source.onopen = () => tell('/opened', 0);
  source.onmessage = ({ data, lastEventId }) => {
    received.push([lastEventId, JSON.parse(data)]);
    tell('/received', received.length);
  };
  source.addEventListener('end', ({ data }) => received.push(['end', JSON.parse(data).how]));
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) tell('/closed', received);
  };
</script>`;

/** Serves the page and a log, and what the page has posted. */
function pageApplication(log: MemoryLog) {
  const posted = new Map<string, unknown>();
  const closed = signalled<unknown>();
  class Events extends RequestHandler {
    override get(): Promise<void> {
      return this.eventStream(log, { authorize: allow, action: 'read', retryMs: 200, random: () => 0 });
    }
  }
  class Page extends RequestHandler {
    override get(): void {
      this.write(PAGE);
    }
  }
  class Posted extends RequestHandler<'/:what'> {
    override post(): void {
      posted.set(this.pathParams.what, this.getJsonBody());
      if (this.pathParams.what === 'closed') closed.resolve(this.getJsonBody());
    }
  }
  const routes = [
    ['/', Page],
    ['/events', Events],
    ['/:what', Posted],
  ] as const;
  return { app: new Application(routes, { logger: silent }), posted, closed: closed.promise };
}

describe('the EventSource of Chromium', () => {
  it('gets each record once across a restart of the server, and stops after the end of a run', async () => {
    const log = new MemoryLog('run');
    const { app, posted, closed } = pageApplication(log);
    await using server = new ReplacedServer(app);
    await server.start();
    await using page = new ChromiumPage(`${server.url}/`);
    const scenario = async (): Promise<unknown> => {
      await until(() => log.subscriptions.size === 1);
      log.add('"one"');
      await until(() => posted.get('received') === 1);
      await server.stop();
      log.add('"two"');
      await server.start();
      await until(() => posted.get('received') === 2);
      log.add('"three"');
      log.finish('finished');
      return await closed;
    };
    expect(await Promise.race([scenario(), page.ended])).toEqual([
      ['e.1', 'one'],
      ['e.2', 'two'],
      ['e.3', 'three'],
      ['end', 'finished'],
    ]);
  });

  it('resumes at the first record if it was cut off before it', async () => {
    const log = new MemoryLog('run');
    for (const text of ['1', '2', '3']) log.add(text);
    const { app, closed, posted } = pageApplication(log);
    await using server = new ReplacedServer(app);
    // The stream begins at the end of the log.
    class Latest extends RequestHandler {
      override get(): Promise<void> {
        return this.eventStream(log, { authorize: allow, after: 'now', retryMs: 200, random: () => 0 });
      }
    }
    app.addHandlers(/.*/, [['/events', Latest]]);
    await server.start();
    await using page = new ChromiumPage(`${server.url}/`);
    const scenario = async (): Promise<unknown> => {
      await until(() => posted.has('opened'));
      await server.stop();
      log.add('4');
      log.finish('finished');
      await server.start();
      return await closed;
    };
    expect(await Promise.race([scenario(), page.ended])).toEqual([
      ['e.4', 4],
      ['end', 'finished'],
    ]);
  });
});

describe('the EventSource of AsyncHTTPClient', () => {
  it('gets each record once across a restart of the server, and ends after the end of a run', async () => {
    const log = new MemoryLog('run');
    const { app } = pageApplication(log);
    await using server = new ReplacedServer(app);
    await server.start();
    await using client = new AsyncHTTPClient();
    const source = client.eventSource(`${server.url}/events`);
    const received: unknown[] = [];
    log.add('"one"');
    for await (const { event, id, data } of source) {
      received.push([event, id, data]);
      if (received.length === 1) {
        await server.stop();
        log.add('"two"');
        log.finish('finished');
        await server.start();
      }
    }
    expect(received).toEqual([
      ['message', 'e.1', '"one"'],
      ['message', 'e.2', '"two"'],
      ['end', 'e.3', '{"how":"finished"}'],
    ]);
  });
});
