import { VirtualClock } from '@landspout/ioloop/testing';
import { Runs } from '@landspout/topics';
import { describe, expect, it } from 'vitest';
import type { TopicAuthorization } from '../../src/topics/index.ts';
import { RecordingLogger, until } from '../fixtures/running-application.ts';
import { withDoor } from '../fixtures/topic-client.ts';

const LEAVE_MS = 5_000;

const httpUrl = (url: string, query: string) => `${url.replace(/^ws/, 'http')}?${query}`;

/** Reads a stream until it contains a text. */
async function readUntil(response: Response, text: string): Promise<string> {
  let got = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body as ReadableStream<Uint8Array>) {
    got += decoder.decode(chunk, { stream: true });
    if (got.includes(text)) return got;
  }
  throw new Error(`the stream has ended: ${got}`);
}

describe('TopicHandler, at the same URL without an upgrade', () => {
  it('goes on in an event stream or a long poll where a WebSocket was', async () => {
    await withDoor({}, async ({ client, url, topics }) => {
      const reader = await client();
      await reader.subscribe('t');
      await topics.topic('t').publish('one');
      const { cursor } = await reader.next();
      reader.close();
      const second = await topics.topic('t').publish('two');
      const query = `topic=t&after=${cursor}`;
      const polled = await fetch(httpUrl(url, query));
      expect(await polled.json()).toEqual({ records: [{ cursor: second, data: 'two' }], cursor: second });
      const streamed = await fetch(httpUrl(url, query), { headers: { Accept: 'text/event-stream' } });
      expect(streamed.headers.get('Content-Type')).toContain('text/event-stream');
      expect(await readUntil(streamed, 'two')).toContain(`id: ${second}\ndata: "two"`);
      const back = await client();
      await back.subscribe('t', { after: second });
      await topics.topic('t').publish('three');
      expect((await back.next()).data).toBe('three');
    });
  });

  it('publishes by POST, for subscribers over WebSocket', async () => {
    await withDoor({}, async ({ client, url }) => {
      const reader = await client();
      await reader.subscribe('t');
      const post = { method: 'POST', headers: { 'Content-Type': 'application/json' } };
      const body = JSON.stringify({ data: { a: 1 }, ref: 'r1' });
      const responses = [await fetch(httpUrl(url, 'topic=t'), { ...post, body })];
      responses.push(await fetch(httpUrl(url, 'topic=t'), { ...post, body }));
      const { cursor } = await reader.next();
      for (const response of responses) expect(await response.json()).toEqual({ cursor });
      expect(await reader.hasNothing()).toBe(true);
    });
  });

  it('makes members present that read an event stream or a long poll', async () => {
    const clock = new VirtualClock();
    let name = 'ann';
    const member = () => ({ member: name });
    await withDoor({ member, topicsOptions: { clock } }, async ({ client, url, topics }) => {
      const ann = await client();
      await ann.subscribe('room', { presence: true });
      await ann.next();
      name = 'bob';
      const streamed = await fetch(httpUrl(url, 'topic=room'), { headers: { Accept: 'text/event-stream' } });
      expect(await ann.next()).toMatchObject({ op: 'presence', joined: 'bob' });
      await streamed.body?.cancel();
      await until(() => topics.stats().subscriptions === 1);
      await clock.advance(LEAVE_MS);
      expect(await ann.next()).toMatchObject({ op: 'presence', left: 'bob' });
      name = 'eve';
      const { cursor } = (await (await fetch(httpUrl(url, 'topic=room'))).json()) as { cursor: string };
      expect(await ann.next()).toMatchObject({ op: 'presence', joined: 'eve' });
      await clock.advance(LEAVE_MS - 1);
      const polling = fetch(httpUrl(url, `topic=room&after=${cursor}`));
      await until(() => topics.stats().subscriptions === 2);
      await clock.advance(LEAVE_MS);
      expect(await ann.hasNothing()).toBe(true);
      await topics.topic('room').publish(1);
      expect((await ann.next()).data).toBe(1);
      expect((await polling).status).toBe(200);
      await until(() => topics.stats().members === 1);
      await clock.advance(LEAVE_MS);
      expect(await ann.next()).toMatchObject({ op: 'presence', left: 'eve' });
    });
  });

  it('distinguishes equal refs of different subjects, over both transports', async () => {
    let user: string | undefined = 'ada';
    await withDoor({ subject: () => user }, async ({ client, url }) => {
      const one = await client();
      const post = async (data: string) => {
        const headers = { 'Content-Type': 'application/json' };
        const body = JSON.stringify({ data, ref: 'm1' });
        const response = await fetch(httpUrl(url, 'topic=t'), { method: 'POST', headers, body });
        return ((await response.json()) as { cursor: string }).cursor;
      };
      const cursors: string[] = [];
      for (user of ['ada', 'bob', undefined]) {
        const cursor = await one.publish('t', `of ${user}`, 'm1');
        expect(await post('again')).toBe(cursor);
        expect(await one.publish('t', 'again', 'm1')).toBe(cursor);
        cursors.push(cursor);
      }
      const kept = (await (await fetch(httpUrl(url, 'topic=t&last=10'))).json()) as { records: unknown[] };
      expect(kept.records).toEqual([
        { cursor: cursors[0], data: 'of ada' },
        { cursor: cursors[1], data: 'of bob' },
        { cursor: cursors[2], data: 'of undefined' },
      ]);
    });
  });

  it('cancels a run by DELETE', async () => {
    const runs = new Runs({ logger: new RecordingLogger() });
    await withDoor({ runs }, async ({ client, url }) => {
      await runs.start('r', { owner: 'ann' }, ({ signal }) => {
        return new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      });
      const reader = await client();
      await reader.request({ op: 'sub', run: 'r' });
      await reader.next();
      const response = await fetch(httpUrl(url, 'run=r'), { method: 'DELETE' });
      expect(await response.json()).toEqual({ how: 'running' });
      expect(await reader.next()).toMatchObject({ op: 'end', run: 'r', how: 'cancelled' });
    });
    await runs.close();
  });

  it('asks the same authorize, and responds to a refusal with 404', async () => {
    const asked: string[] = [];
    const authorize = ({ action, topic }: TopicAuthorization) => {
      asked.push(`${action} ${topic}`);
      return false;
    };
    await withDoor({ authorize }, async ({ url }) => {
      const post = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"data":1}' };
      expect((await fetch(httpUrl(url, 'topic=t'))).status).toBe(404);
      expect((await fetch(httpUrl(url, 'topic=t'), post)).status).toBe(404);
      expect((await fetch(httpUrl(url, 'run=r'), { method: 'DELETE' })).status).toBe(404);
      expect((await fetch(httpUrl(url, ''))).status).toBe(400);
      expect(asked).toEqual(['subscribe t', 'publish t', 'cancel r']);
    });
  });
});
