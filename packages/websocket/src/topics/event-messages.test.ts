import { TopicRecord } from '@landspout/topics';
import { describe, expect, it } from 'vitest';
import { EventMessages } from './event-messages.ts';

const record = (payload = '1') => new TopicRecord('e.1', 0, undefined, payload);

describe('EventMessages', () => {
  it('encodes a record once, also if others come in between', () => {
    const messages = new EventMessages();
    const [one, other] = [record(), record()];
    const message = messages.of(one, 'topic', 't');
    expect(messages.of(one, 'topic', 't')).toBe(message);
    messages.of(other, 'topic', 'u');
    expect(messages.of(one, 'topic', 't')).toBe(message);
  });

  it('encodes anew what is known under another name', () => {
    const messages = new EventMessages();
    const one = record();
    expect(messages.of(one, 'topic', 't').data).toContain('"topic":"t"');
    expect(messages.of(one, 'topic', 'alias').data).toContain('"topic":"alias"');
    expect(messages.of(one, 'topic', 't').data).toContain('"topic":"t"');
  });

  it('forgets the oldest records, by number and by bytes', () => {
    const messages = new EventMessages();
    const oldest = record();
    const first = messages.of(oldest, 'topic', 't');
    for (let n = 0; n < 1024; n += 1) messages.of(record(), 'topic', 't');
    expect(messages.of(oldest, 'topic', 't')).not.toBe(first);
    const again = messages.of(oldest, 'topic', 't');
    for (let n = 0; n < 5; n += 1) messages.of(record(`"${'x'.repeat(1024 * 1024)}"`), 'topic', 't');
    expect(messages.of(oldest, 'topic', 't')).not.toBe(again);
  });

  it('encodes gaps, ends and presence, which nothing is kept of but the last', () => {
    const messages = new EventMessages();
    const left = { kind: 'presence', left: 'ann' } as const;
    const message = messages.of(left, 'topic', 't');
    expect(message.data).toBe('{"op":"presence","topic":"t","left":"ann"}');
    expect(messages.of(left, 'topic', 't')).toBe(message);
    messages.of(record(), 'topic', 't');
    expect(messages.of(left, 'topic', 't')).not.toBe(message);
  });
});
