import { describe, expect, it } from 'vitest';
import { EventBoundary, withEventId } from './event-boundary.ts';

describe('EventBoundary', () => {
  it.each(['', 'data: a\n\n', 'a\r\r', 'a\r\n\r\n', 'a\n\r\n', 'a\r\n\n', 'a\n\n\n', 'a\n\r'])(
    'is reached after %j, however it is split',
    (text) => {
      for (let at = 0; at <= text.length; at += 1) {
        const boundary = new EventBoundary();
        boundary.add(text.slice(0, at));
        boundary.add(text.slice(at));
        expect(boundary.isReached).toBe(true);
      }
    },
  );

  it.each(['a', 'a\n', 'a\r', 'a\r\n', 'a\n\nb', 'a\n\nb\r\n'])('is not reached after %j', (text) => {
    for (let at = 0; at <= text.length; at += 1) {
      const boundary = new EventBoundary();
      boundary.add(text.slice(0, at));
      boundary.add(text.slice(at));
      expect(boundary.isReached).toBe(false);
    }
  });
});

describe('withEventId', () => {
  it.each([
    ['data: a\n\n', true, 'id: 7\ndata: a\n\n'],
    ['data: a\n\ndata: b\n\n', true, 'data: a\n\nid: 7\ndata: b\n\n'],
    ['data: a\r\n\r\ndata: b\r\ndata: c\r\n\r\n', true, 'data: a\r\n\r\nid: 7\ndata: b\r\ndata: c\r\n\r\n'],
    ['data: a\r\rdata: b\r\r', false, 'data: a\r\rid: 7\ndata: b\r\r'],
    ['b\n\n', false, 'b\n\nid: 7\n\n'],
    ['\n', false, '\nid: 7\n\n'],
    ['\n\n', true, 'id: 7\n\n\n'],
    ['', true, ''],
  ])('makes of %j (at the start of an event: %j) %j', (text, startsEvent, expected) => {
    expect(withEventId(text, '7', startsEvent, true)).toBe(expected);
  });

  it.each(['data: a', 'data: a\n', 'data: a\n\ndata: b'])('leaves %j, which ends within an event', (text) => {
    expect(withEventId(text, '7', true, false)).toBe(text);
  });

  it('takes linear time', () => {
    const text = `${'\r\n'.repeat(500_000)}x${'\n'.repeat(1_000_000)}`;
    expect(withEventId(text, '7', true, true)).toHaveLength(text.length + 6);
  });
});
