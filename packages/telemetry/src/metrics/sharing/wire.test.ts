import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage, type Message } from './wire.ts';

const MESSAGES: readonly Message[] = [
  { kind: 'collect', id: 1 },
  { kind: 'gather', id: 2 },
  { kind: 'failed', id: 3, reason: 'because' },
  {
    kind: 'snapshot',
    id: 0,
    families: [
      {
        name: 'g',
        type: 'gauge',
        help: 'A "help"\n\u2028',
        labelNames: ['a'],
        across: 'max',
        buckets: [],
        maxSeries: 7,
        points: [
          { labels: ['\u0000"é\u{1f600}'], values: [Infinity] },
          { labels: [''], values: [-Infinity] },
          { labels: ['1'], values: [0.1] },
        ],
      },
      {
        name: 'c_total',
        type: 'counter',
        help: 'It could not be read.',
        labelNames: [],
        across: 'sum',
        buckets: [],
        maxSeries: 7,
        hasFailed: true,
        points: [],
      },
    ],
  },
  { kind: 'gathered', id: 4, families: [] },
];

describe('the messages between processes', () => {
  it.each(MESSAGES)('are the same after the way: $kind', (message) => {
    expect(decodeMessage(encodeMessage(message))).toEqual(message);
  });

  it('of another version, or of an unknown kind, are nothing', () => {
    for (const text of ['{"v":2,"kind":"collect","id":1}', '{"v":1,"kind":"new","id":1}'])
      expect(decodeMessage(Buffer.from(text))).toBeUndefined();
  });
});
