import { websocketConnect } from 'landspout';
import type { TopicsTransport } from 'landspout/websocket/browser';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ChatMessage } from '../src/chat/messages.ts';
import { EVENTUALLY } from './demo-browser.ts';
import { DemoSite } from './demo-site.ts';
import { admit, clientOf } from './visitor.ts';

const LOBBY = 'room:lobby';

describe('the door of the demo', () => {
  let site: DemoSite;
  beforeEach(async () => {
    site = await DemoSite.start();
  });
  afterEach(() => site[Symbol.asyncDispose]());

  async function guest(name: string, room = 'lobby', transports?: readonly TopicsTransport[]) {
    const visitor = await admit(site, name);
    const query = { room, pass: visitor.pass };
    return { ...visitor, client: clientOf(site, query, transports === undefined ? {} : { transports }) };
  }

  it('says in the room who has written a message, and when, whatever the client claims', async () => {
    const ada = await guest('Ada');
    using client = ada.client;
    const before = Date.now();
    const forged = {
      text: ' <img src=x>\r\nsecond\u0007\u202e line ',
      key: 'k',
      at: 0,
      from: { id: '', name: 'Bo' },
    };
    await client.publish(LOBBY, forged);
    const received = await new Promise<ChatMessage>((onRecord) =>
      client.subscribe<ChatMessage>(LOBBY, { last: 1, onRecord }),
    );
    const { id, name } = ada;
    expect(received).toEqual({
      from: { id, name },
      text: '<img src=x>\nsecond line',
      at: expect.any(Number),
      key: 'k',
    });
    expect(received.at).toBeGreaterThanOrEqual(before);
  });

  it.each([
    ['without anything', ''],
    ['without anything to see', ' \n\u200b'],
    ['that is too long', 'a'.repeat(2_001)],
    ['that is a number', 7],
  ])('does not take a text %s', async (_, text) => {
    using client = (await guest('Ada')).client;
    const refused = { code: 'ERR_TOPICS_INVALID_DATA' };
    await expect(client.publish(LOBBY, { text, key: 'k' })).rejects.toMatchObject(refused);
    await expect(client.publish(LOBBY, { text: 'but this', key: 'k' })).resolves.toMatch(/./);
  });

  it('lets only those with a pass into a room, and lets them write in no other', async () => {
    const { pass } = await admit(site, 'Ada');
    const forged = pass.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
    for (const query of [{}, { room: 'lobby' }, { room: 'lobby', pass: forged }]) {
      using client = clientOf(site, query);
      const refused = new Promise((_, onError) => client.subscribe(LOBBY, { onError }));
      await expect(refused).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_TOPICS_/) });
      await expect(client.publish(LOBBY, { text: 'hello', key: 'k' })).rejects.toThrow();
    }
    using client = clientOf(site, { room: 'lobby', pass });
    for (const topic of ['room:kitchen', 'room:attic', 'process', 'tabs', 'anything']) {
      await expect(client.publish(topic, { text: 'hello', key: 'k' }), topic).rejects.toThrow();
    }
    const attic = new Promise((_, onError) => client.subscribe('room:attic', { onError }));
    await expect(attic).rejects.toThrow();
  });

  it('lists who is there, with their names', async () => {
    const ada = await guest('Ada');
    using first = ada.client;
    const seen: (string | undefined)[] = [];
    first.subscribe(LOBBY, {
      onPresence: ({ members, joined, left }) => {
        seen.push(...(members ?? []).map(({ member }) => member), joined, left && `-${left}`);
      },
    });
    const bo = await guest('Bo');
    bo.client.subscribe(LOBBY, {});
    await expect.poll(() => seen, EVENTUALLY).toContain(bo.id);
    bo.client.close();
    await expect.poll(() => seen, EVENTUALLY).toContain(`-${bo.id}`);
    expect(seen).toContain(ada.id);
  });

  it('refuses a page of another origin, and a frame that is larger than a page sends', async () => {
    const foreign = websocketConnect(site.live(''), {
      origin: 'http://evil.example',
      subprotocols: ['landspout.topics.v1'],
    });
    await expect(foreign).rejects.toMatchObject({ status: 403 });
    await using connection = await websocketConnect(site.live(''), { subprotocols: ['landspout.topics.v1'] });
    await connection.writeMessage('x'.repeat(17 * 1024));
    await connection.waitClosed();
    expect(connection.closeCode).toBe(1009);
  });

  it.each(['websocket', 'event-stream', 'long-poll'] as const)(
    'has every acknowledged line once for a reader over %s, although the server is killed twice',
    async (transport) => {
      const writer = await guest('Writer', 'lobby', ['websocket']);
      using writerClient = writer.client;
      const say = (text: string) => writerClient.publish(LOBBY, { text, key: text });
      await say('first');
      const reader = await guest('Reader', 'lobby', [transport]);
      using readerClient = reader.client;
      const received: string[] = [];
      const gaps: string[] = [];
      await new Promise<unknown>((resolve) => {
        readerClient.subscribe<ChatMessage>(LOBBY, {
          after: 'start',
          onPosition: resolve,
          onRecord: ({ text }) => received.push(text),
          onGap: ({ reason }) => gaps.push(reason),
        });
      });
      const sent = ['first'];
      const publishes: Promise<string>[] = [];
      for (const round of ['a', 'b', 'c']) {
        const lines = [0, 1, 2, 3].map((line) => `${round}${line}`);
        sent.push(...lines);
        publishes.push(...lines.map(say));
        if (round === 'c') break;
        // The others are on their way when the server is killed.
        await publishes.at(-lines.length);
        await site.stop('SIGKILL');
        await site.startAgain();
      }
      await Promise.all(publishes);
      await expect.poll(() => received.length, EVENTUALLY).toBe(sent.length);
      expect(received).toEqual(sent);
      expect(gaps).toEqual([]);
    },
  );
});
