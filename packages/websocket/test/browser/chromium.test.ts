import { ChromiumPage } from '@landspout/tooling-chromium';
import { RequestHandler } from '@landspout/web';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../http1/test/fixtures/seeded-random.ts';
import { until, withApp } from '../fixtures/running-application.ts';
import { bundled } from './bundle.ts';
import { numbers } from './harness.ts';
import { TopicServer } from './topic-server.ts';

const COUNT = 40;

/** Publishes to a topic of its own, and reports what arrives. Runs in the page and in a worker. */
const SCENARIO = `
  import { TopicsClient } from '/client.js';
  export async function run(name, url, options) {
    // Short waits between attempts, of which there are many.
    const topics = new TopicsClient(url, { random: () => 0.1, ...options });
    const data = [];
    const complete = new Promise((resolve) => {
      topics.subscribe(name, {
        after: 'start',
        onRecord: (value) => data.push(value) === ${COUNT} && resolve(),
      });
    });
    const cursors = [];
    for (let value = 0; value < ${COUNT}; value += 1) cursors.push(await topics.publish(name, value));
    await complete;
    const { transport, roundTripMs } = topics;
    const report = { name, data, cursors: new Set(cursors).size, transport, hasRoundTrip: roundTripMs > 0 };
    topics.close();
    const reporting = new TopicsClient('/quiet');
    await reporting.publish('report', { ...report, state: topics.state });
    reporting.close();
  }`;

const WORKER = `import { run } from '/scenario.js'; run('worker', '/live', { transports: ['websocket'] });`;

const PAGE = `<!doctype html><link rel="icon" href="data:,"><script type="module">
  import { run } from '/scenario.js';
  run('page', '/live', { transports: ['websocket'] });
  run('streams', '/plain', { transports: ['websocket', 'event-stream'] });
  run('polls', '/plain', { transports: ['long-poll'] });
  new Worker('/worker.js', { type: 'module' });
</script>`;

function serve(type: string, text: string) {
  return class extends RequestHandler {
    override get(): void {
      // Sets the cookie.
      if (type === 'text/html') void this.xsrfToken;
      this.setHeader('Content-Type', `${type}; charset=utf-8`);
      this.write(text);
    }
  };
}

/** Cuts connections and requests at random moments. */
function unreliable(server: TopicServer, seed: number): TopicServer {
  const random = seededRandom(seed);
  server.behaviour.onFrame = (connection, frame) => {
    if (frame.op !== 'pub' || random(6) > 0) return false;
    if (random(2) === 0) connection.serve(frame);
    if (random(2) === 0) connection.abort();
    else connection.close(1012);
    return true;
  };
  server.behaviour.onPost = () => {
    if (random(6) > 0) return false;
    for (const end of [...server.streams]) end(random(2) === 0 ? 'reset' : 'end', 1);
    return false;
  };
  return server;
}

describe('TopicsClient in Chromium', () => {
  it('delivers each record once and in order: in a page and a worker, over each transport', async () => {
    const { code } = await bundled('TopicsClient');
    const [live, plain, quiet] = [
      unreliable(new TopicServer(), 1),
      unreliable(new TopicServer(), 2),
      new TopicServer(),
    ];
    plain.behaviour.refusesSockets = true;
    const routes = [
      ['/', serve('text/html', PAGE)],
      ['/client.js', serve('text/javascript', code)],
      ['/scenario.js', serve('text/javascript', SCENARIO)],
      ['/worker.js', serve('text/javascript', WORKER)],
      ['/live', live.handler()],
      ['/plain', plain.handler()],
      ['/quiet', quiet.handler()],
    ] as const;
    const test = async ({ port }: { readonly port: number }) => {
      await using page = new ChromiumPage(`http://127.0.0.1:${port}/`);
      const reports = quiet.log('report');
      await Promise.race([until(() => reports.length === 4), page.ended]);
      const byName = new Map(reports.data.map((report) => [(report as { name: string }).name, report]));
      const expected = { data: numbers(COUNT), cursors: COUNT, state: 'closed' };
      expect(byName.get('page')).toMatchObject({ ...expected, transport: 'websocket', hasRoundTrip: true });
      expect(byName.get('worker')).toMatchObject({ ...expected, transport: 'websocket' });
      expect(byName.get('streams')).toMatchObject({
        ...expected,
        transport: 'event-stream',
        hasRoundTrip: false,
      });
      expect(byName.get('polls')).toMatchObject({ ...expected, transport: 'long-poll' });
      expect(live.frames.filter(({ op }) => op === 'sub').length).toBeGreaterThan(6);
    };
    await withApp(routes, test, {}, { xsrfCookies: true });
  });
});
