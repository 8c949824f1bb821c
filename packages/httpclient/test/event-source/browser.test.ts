import type { IncomingMessage } from 'node:http';
import { EventStreamDecoder } from '@landspout/http1/protocol';
import { ChromiumPage } from '@landspout/tooling-chromium';
import { describe, expect, it } from 'vitest';
import { randomStream } from '../../../http1/test/fixtures/event-streams.ts';
import { seededRandom } from '../../../http1/test/fixtures/seeded-random.ts';
import { deferred, withNodeServer } from '../fixtures/servers.ts';

/** What a browser and the decoder both report. */
interface Heard {
  readonly event: string;
  readonly data: string;
  readonly id: string;
}

/** Reads each stream with `EventSource`, and sends all events of all streams back. `TYPES` and `COUNT` are replaced. */
const PAGE = `<!doctype html><script>
  const read = (number) => new Promise((resolve) => {
    const heard = [];
    const source = new EventSource('/stream/' + number);
    const add = ({ type, data, lastEventId }) => heard.push({ event: type, data, id: lastEventId });
    for (const type of TYPES) source.addEventListener(type, (event) => event.data !== undefined && add(event));
    source.addEventListener('error', (event) => {
      if (event.data !== undefined) return;
      source.close();
      resolve(heard);
    });
  });
  (async () => {
    const all = [];
    for (let number = 0; number < COUNT; number += 1) all.push(await read(number));
    await fetch('/heard', { method: 'POST', body: JSON.stringify(all) });
  })();
</script>`;

function decode(wire: Uint8Array): Heard[] {
  const decoder = new EventStreamDecoder();
  decoder.receive(wire);
  const events: Heard[] = [];
  for (let event = decoder.next(); event !== undefined; event = decoder.next()) {
    events.push({ event: event.event, data: event.data, id: event.id });
  }
  return events;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk;
  return text;
}

/** Opens `url` until `done` settles. */
async function browsing<T>(url: string, done: Promise<T>): Promise<T> {
  await using page = new ChromiumPage(url);
  return await Promise.race([done, page.ended]);
}

describe('EventStreamDecoder and the EventSource of Chromium', () => {
  it('read the same events from the same streams', async () => {
    const streams = Array.from({ length: 150 }, (_, seed) => randomStream(seededRandom(seed + 1_000)));
    const expected = streams.map(decode);
    const types = [...new Set(expected.flat().map(({ event }) => event))];
    expect(expected.flat().length).toBeGreaterThan(200);
    const { promise, resolve } = deferred<Heard[][]>();
    const page = PAGE.replace('TYPES', JSON.stringify(types)).replace('COUNT', String(streams.length));
    const heard = await withNodeServer(
      async (request, response) => {
        const { url = '' } = request;
        if (url.startsWith('/stream/')) {
          response.writeHead(200, { 'Content-Type': 'text/event-stream' });
          response.end(streams[Number(url.slice('/stream/'.length))]);
        } else if (url === '/heard') {
          resolve(JSON.parse(await bodyOf(request)));
          response.end();
        } else {
          response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(page);
        }
      },
      ({ url }) => browsing(`${url}/`, promise),
    );
    for (const [number, events] of heard.entries())
      expect(events, `stream ${number}`).toEqual(expected[number]);
    expect(heard).toHaveLength(streams.length);
  });
});
