import { describe, expect, it } from 'vitest';
import { Runs, Topics } from '../../../topics/src/index.ts';
import type { TopicAuthorization } from '../../src/index.ts';
import { TopicDoor, TopicRequestHandler } from '../../src/topics/index.ts';
import { openStream } from '../fixtures/event-streams.ts';
import { RawClient, requestText, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

/** Serves topics at `/live`. `allows` decides, after a turn of the loop, in which the handler learns who its client is. */
async function serving(
  test: (running: { port: number; topics: Topics; named: string[] }) => Promise<void>,
  allows = (_action: string): boolean => true,
): Promise<void> {
  await using topics = new Topics();
  await using runs = new Runs();
  const named: string[] = [];
  class Live extends TopicRequestHandler {
    static override readonly topicDoor = new TopicDoor({ retryMs: 1, reauthorizeMs: 50 });
    override readonly topics = topics;
    override readonly runs = runs;
    #user: string | undefined;
    override async authorize({ action }: TopicAuthorization<this>): Promise<boolean> {
      await new Promise((resolve) => setImmediate(resolve));
      this.#user = 'ada';
      return allows(action);
    }
    override subject(): string | undefined {
      return this.#user;
    }
    override topic(name: string) {
      named.push(name);
      if (name === 'unknown') throw new Error('there is no such topic');
      return topics.topic(name);
    }
    override checkOrigin(origin: string): boolean {
      return super.checkOrigin(origin) || origin === 'https://partner.example';
    }
  }
  await withApp([['/live', Live]], ({ port }) => test({ port, topics, named }));
}

const ask = async (port: number, text: string): Promise<string> =>
  (await RawClient.connect(port, text)).untilEnd();

const request = (method: string, target: string, ...fields: readonly string[]) => {
  const body = method === 'POST' ? '{"data":1}' : '';
  const length = method === 'POST' ? [`Content-Length: ${body.length}`] : [];
  return `${requestText(target, method, 'Connection: close', ...length, ...fields)}${body}`;
};

describe('requests of pages of other sites', () => {
  it.each(['POST', 'GET', 'DELETE'])('are refused before %s does anything', (method) =>
    serving(async ({ port, topics, named }) => {
      const target = method === 'DELETE' ? '/live?run=a' : '/live?topic=news';
      for (const field of ['Origin: https://evil.example', 'Origin: null', 'Sec-Fetch-Site: cross-site']) {
        expect(statusOf(await ask(port, request(method, target, field))), field).toBe(403);
      }
      expect(named).toEqual([]);
      expect(topics.stats().published).toBe(0);
    }),
  );

  it('are served if the handler allows their origin, and so are those of the site itself', () =>
    serving(async ({ port, topics }) => {
      for (const origin of ['https://partner.example', 'http://example.com']) {
        const fields = [`Origin: ${origin}`, 'Sec-Fetch-Site: cross-site'];
        expect(statusOf(await ask(port, request('POST', '/live?topic=news', ...fields))), origin).toBe(200);
      }
      expect(topics.stats().published).toBe(2);
    }));
});

describe('what is asked after authorize', () => {
  it('is the subject, so that a revocation ends the streams of a user whom authorize finds', () =>
    serving(async ({ port, topics }) => {
      const stream = await openStream(port, '/live?topic=news', 'Connection: close');
      await stream.until('retry');
      await topics.revoke('news', 'ada');
      expect(await stream.untilEnd()).toContain('data: {"how":"revoked"}');
    }));

  it('is the topic, so that a refused client cannot find out which ones there are', () =>
    serving(
      async ({ port, named }) => {
        for (const topic of ['news', 'unknown']) {
          for (const accept of ['text/event-stream', 'application/json']) {
            const answer = await ask(port, request('GET', `/live?topic=${topic}`, `Accept: ${accept}`));
            expect(statusOf(answer)).toBe(404);
            expect(answer.toLowerCase()).toContain('cache-control: no-store');
          }
        }
        expect(named).toEqual([]);
      },
      () => false,
    ));

  it('is presence again, so that a stream ends when the client may not see it any more', () => {
    let asked = 0;
    const allows = (action: string) => action !== 'presence' || ++asked === 1;
    return serving(async ({ port }) => {
      const stream = await openStream(port, '/live?topic=news&presence=true', 'Connection: close');
      expect(await stream.untilEnd()).toContain('data: {"how":"revoked"}');
      expect(asked).toBe(2);
    }, allows);
  });
});

it('refuses a topic that is named twice', () =>
  serving(async ({ port }) => {
    expect(statusOf(await ask(port, request('GET', '/live?topic=a&topic=b')))).toBe(400);
  }));
