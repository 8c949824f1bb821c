import { HEADER_BYTES, RECORD, recordOf, type WireRecord } from '../support/records.ts';
import { pick, type Random } from './seeded-random.ts';

/** What a mutation may use besides the record itself. */
export interface MutationSources {
  /** A record of this connection or of another, of any direction. */
  other(): Buffer;
}

type Mutation = (record: WireRecord, random: Random, sources: MutationSources) => Buffer;

const TYPES = [20, 21, 22, 23, 24, 0, 255] as const;

/** Changes of records as they are on the wire: no key is needed for them. */
const MUTATIONS: readonly Mutation[] = [
  // One bit anywhere, the header included.
  ({ bytes }, random) => flipped(bytes, random(bytes.length), random),
  ({ bytes }, random) => flipped(bytes, Math.min(bytes.length - 1, HEADER_BYTES + random(60)), random),
  // A byte with a value at a limit.
  ({ bytes }, random) => withByte(bytes, random(bytes.length), pick(random, [0, 1, 0x7f, 0x80, 0xff])),
  // The length of the record, alone.
  ({ bytes }, random) => {
    const changed = Buffer.from(bytes);
    changed.writeUInt16BE(
      pick(random, [0, 1, 16, 0x4000, 0x4001, 0x4100, 0x4101, 0xffff, random(65_536)]),
      3,
    );
    return changed;
  },
  ({ bytes }, random) => withByte(bytes, 0, pick(random, TYPES)),
  ({ bytes }, random) => withByte(bytes, 1 + random(2), random(256)),
  // Cut, and made whole again by its length.
  ({ type, fragment }, random) => recordOf(type, fragment.subarray(0, random(fragment.length + 1))),
  ({ bytes }, random) => bytes.subarray(0, random(bytes.length + 1)),
  ({ type, fragment }, random) => recordOf(type, Buffer.concat([fragment, Buffer.alloc(random(300), 7)])),
  ({ bytes }) => Buffer.concat([bytes, bytes]),
  () => Buffer.alloc(0),
  // In two records, which is allowed where it is plain text.
  ({ type, fragment }, random) => {
    const at = random(fragment.length + 1);
    return Buffer.concat([recordOf(type, fragment.subarray(0, at)), recordOf(type, fragment.subarray(at))]);
  },
  ({ bytes }, random, { other }) => Buffer.concat(random(2) === 0 ? [other(), bytes] : [bytes, other()]),
  (_, __, { other }) => other(),
  ({ bytes }, random) =>
    Buffer.concat([recordOf(RECORD.alert, Buffer.of(1 + random(2), random(121))), bytes]),
  ({ bytes }, random) =>
    Buffer.concat([recordOf(RECORD.changeCipherSpec, Buffer.of(1)), noise(random, 0), bytes]),
  ({ bytes }, random) => Buffer.concat([noise(random, 1 + random(80)), bytes]),
  ({ bytes }, random) =>
    Buffer.concat([Buffer.concat(Array(40).fill(recordOf(pick(random, TYPES), Buffer.alloc(0)))), bytes]),
  ({ bytes }) => Buffer.concat([Buffer.from('GET / HTTP/1.1\r\n\r\n'), bytes]),
];

export function mutateRecord(record: WireRecord, random: Random, sources: MutationSources): Buffer {
  return pick(random, MUTATIONS)(record, random, sources);
}

export function flipped(bytes: Uint8Array, at: number, random: Random): Buffer {
  const changed = Buffer.from(bytes);
  if (changed.length > 0) changed[at] = (changed[at] as number) ^ (1 << random(8));
  return changed;
}

export function withByte(bytes: Uint8Array, at: number, value: number): Buffer {
  const changed = Buffer.from(bytes);
  if (changed.length > 0) changed[at] = value;
  return changed;
}

export function noise(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random(256)));
}
