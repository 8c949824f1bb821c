/**
 * What a script publishes on the channel of a log: a line of fields, separated by spaces, and after it the data.
 *
 *     R <epoch> <id before> <id> <t|b> <bytes of the key>\n<key><data>   a record: text or bytes
 *     E <epoch> <id before> <id>\n<JSON of the end>                      the end of a run
 *     D <epoch>\n                                                        the topic was deleted
 *     V <number of revocations> <stamp>\n<JSON of the subject, or nothing>   subscriptions are revoked
 *     C\n                                                                the end of the run is requested
 *     P <number of changes>\n<JSON of the change>                        a change of presence
 *
 * The epoch, the ids and the numbers are those of the log, so that a lost announcement is noticed by the next one. The
 * number of revocations of a topic that does not exist is 0; the stamp orders revocations of all topics. A later version
 * may add kinds, and fields at the end of a line.
 */
export type Announcement =
  | {
      readonly kind: 'record';
      readonly epoch: string;
      readonly before: string;
      readonly id: string;
      readonly key: string | undefined;
      readonly payload: string | Uint8Array;
    }
  | {
      readonly kind: 'end';
      readonly epoch: string;
      readonly before: string;
      readonly id: string;
      readonly json: string;
    }
  | { readonly kind: 'deleted'; readonly epoch: string }
  | {
      readonly kind: 'revoked';
      readonly count: number;
      readonly stamp: number;
      readonly subject: string | undefined;
    }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'presence'; readonly count: number; readonly json: string };

const NEWLINE = 0x0a;

/** Reads an announcement. @returns undefined if it is of a kind that this version does not know. */
export function readAnnouncement(message: Buffer): Announcement | undefined {
  const lineEnd = message.indexOf(NEWLINE);
  const [type, ...fields] = message.toString('latin1', 0, Math.max(lineEnd, 0)).split(' ');
  const data = message.subarray(lineEnd + 1);
  const [first = '', before = '', id = ''] = fields;
  switch (type) {
    case 'R':
      return {
        kind: 'record',
        epoch: first,
        before,
        id,
        ...contentOf(data, fields[3] === 'b', Number(fields[4])),
      };
    case 'E':
      return { kind: 'end', epoch: first, before, id, json: data.toString() };
    case 'D':
      return { kind: 'deleted', epoch: first };
    case 'V':
      return {
        kind: 'revoked',
        count: Number(first),
        stamp: Number(before),
        subject: data.length === 0 ? undefined : JSON.parse(data.toString()),
      };
    case 'C':
      return { kind: 'cancel' };
    case 'P':
      return { kind: 'presence', count: Number(first), json: data.toString() };
    default:
      return undefined;
  }
}

/** @param keyBytes - 0: there is no key. */
function contentOf(data: Buffer, isBytes: boolean, keyBytes: number) {
  const key = keyBytes === 0 ? undefined : data.toString('utf8', 0, keyBytes);
  const payload = isBytes ? new Uint8Array(data.subarray(keyBytes)) : data.toString('utf8', keyBytes);
  return { key, payload };
}
