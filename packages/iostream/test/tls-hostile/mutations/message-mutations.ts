import type { OpenedRecord } from '../support/record-cipher.ts';
import { RECORD } from '../support/records.ts';
import { pick, type Random } from './seeded-random.ts';
import { flipped, noise, withByte } from './wire-mutations.ts';

type Mutation = (record: OpenedRecord, random: Random) => readonly OpenedRecord[];

/** The types of handshake messages of both versions (RFC 5246 §7.4, RFC 8446 §4). */
const MESSAGES = [0, 1, 2, 4, 5, 6, 8, 11, 12, 13, 14, 15, 16, 20, 21, 22, 23, 24, 25, 67, 254, 255] as const;

const message = (type: number, body: Uint8Array): Buffer =>
  Buffer.concat([Buffer.of(type, body.length >> 16, (body.length >> 8) & 0xff, body.length & 0xff), body]);

/**
 * Changes of what is in a record, which is encrypted afterwards: they reach what a receiver does with messages that are
 * authentic.
 */
const MUTATIONS: readonly Mutation[] = [
  ({ type, plaintext }, random) => [
    { type, plaintext: flipped(plaintext, random(plaintext.length || 1), random) },
  ],
  ({ type, plaintext }, random) => [
    {
      type,
      plaintext: withByte(plaintext, random(plaintext.length || 1), pick(random, [0, 1, 0x7f, 0x80, 0xff])),
    },
  ],
  // The header of a message: its type and its length.
  ({ type, plaintext }, random) => [{ type, plaintext: withByte(plaintext, 0, pick(random, MESSAGES)) }],
  ({ type, plaintext }, random) => [
    { type, plaintext: flipped(plaintext, Math.min(plaintext.length - 1, 1 + random(3)), random) },
  ],
  // Two bytes that may be a length within it.
  ({ type, plaintext }, random) => {
    const changed = Buffer.from(plaintext);
    if (changed.length > 6)
      changed.writeUInt16BE(pick(random, [0, 1, 0xff, 0xffff]), 4 + random(changed.length - 5));
    return [{ type, plaintext: changed }];
  },
  ({ type, plaintext }, random) => [{ type, plaintext: plaintext.subarray(0, random(plaintext.length + 1)) }],
  ({ type, plaintext }, random) => [
    { type, plaintext: Buffer.concat([plaintext, noise(random, random(40))]) },
  ],
  (record) => [record, record],
  () => [],
  ({ plaintext }, random) => [{ type: pick(random, [20, 21, 22, 23, 24, 0]), plaintext }],
  // Another message before it or after it.
  (record, random) => {
    const inserted = anyMessage(random);
    return random(2) === 0 ? [inserted, record] : [record, inserted];
  },
  (record, random) => [...Array.from({ length: 1 + random(50) }, () => anyMessage(random)), record],
  // A message in pieces.
  ({ type, plaintext }, random) => {
    const at = random(plaintext.length + 1);
    return [
      { type, plaintext: plaintext.subarray(0, at) },
      { type, plaintext: plaintext.subarray(at) },
    ];
  },
  (record) => [
    ...Array.from({ length: 35 }, () => ({ type: RECORD.data, plaintext: Buffer.alloc(0) })),
    record,
  ],
];

export function mutateMessage(record: OpenedRecord, random: Random): readonly OpenedRecord[] {
  return pick(random, MUTATIONS)(record, random);
}

function anyMessage(random: Random): OpenedRecord {
  const bodies: readonly (() => Buffer)[] = [
    () => message(24, Buffer.of(random(3))), // a key update
    () => message(0, Buffer.alloc(0)), // a request to negotiate again
    () =>
      message(4, Buffer.concat([noise(random, 9), Buffer.of(1, 7, 0, 3), noise(random, 3), Buffer.of(0, 0)])), // a ticket
    () => message(pick(random, MESSAGES), noise(random, random(60))),
    () => message(13, Buffer.concat([Buffer.of(0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3)])), // requests a certificate
    () => Buffer.of(1, pick(random, [0, 10, 90, 100, 255])),
  ];
  const type = pick(random, [RECORD.handshake, RECORD.handshake, RECORD.handshake, RECORD.alert]);
  return { type, plaintext: pick(random, bodies)() };
}
