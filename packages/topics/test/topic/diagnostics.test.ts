import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, describe, expect, it } from 'vitest';
import { MemoryBackplane, type TopicPublishMessage, Topics } from '../../src/index.ts';

const storage = new AsyncLocalStorage<string>();
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

function heard(subscriber: (message: TopicPublishMessage) => void = () => {}): TopicPublishMessage[] {
  const messages: TopicPublishMessage[] = [];
  const listener = (message: unknown): void => {
    messages.push(message as TopicPublishMessage);
    subscriber(message as TopicPublishMessage);
  };
  subscribe('landspout.topics.publish', listener);
  ends.push(() => unsubscribe('landspout.topics.publish', listener));
  return messages;
}

describe('landspout.topics.publish', () => {
  it('has the topics, the name and the size of what was published', async () => {
    const messages = heard();
    await using topics = new Topics();
    await topics.topic('text').publish('grün');
    await topics.topic('bytes').publish(Buffer.alloc(3));
    expect(messages.map(({ topic, bytes }) => [topic, bytes])).toEqual([
      // With the quotation marks of JSON.
      ['text', 7],
      ['bytes', 3],
    ]);
    expect(messages[0]?.topics).toBe(topics);
  });

  it('is published after the backplane has the record, in the context of the caller', async () => {
    const seen: unknown[] = [];
    await using topics = new Topics();
    const topic = topics.topic('a');
    const cursors: string[] = [];
    heard(() => void seen.push([cursors.length, topics.stats().published, storage.getStore()]));
    await storage.run('the caller', async () => cursors.push(await topic.publish(1)));
    expect(seen).toEqual([[0, 1, 'the caller']]);
  });

  it('is not published if the backplane does not take the record', async () => {
    const messages = heard();
    const backplane = new MemoryBackplane();
    await using topics = new Topics({ backplane, maxRecordBytes: 10 });
    await expect(topics.topic('a').publish('x'.repeat(100))).rejects.toThrow();
    await backplane.close();
    await expect(topics.topic('a').publish('x')).rejects.toThrow();
    expect(messages).toEqual([]);
  });
});
