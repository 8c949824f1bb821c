// What the server says: text frames of the subprotocol `landspout.topics.v1`, one JSON object each.

import { Buffer } from 'node:buffer';
import type { PresenceEvent, TopicEvent, TopicRecord } from '@landspout/topics';
import type { LogKind } from './client-frame.ts';
import type { PublicFault } from './topic-door-errors.ts';

/** The reply to a frame of the client. @param cursor - of a subscription or of the record. @param how - of a run. */
export function okText(id: number, cursor?: string, how?: string): string {
  return JSON.stringify({ op: 'ok', id, cursor, how });
}

export function errText(
  { code, message, retryMs }: PublicFault,
  id: number | undefined,
  kind: LogKind | undefined,
  name: string | undefined,
): string {
  const log = kind === undefined ? {} : { [kind]: name };
  return JSON.stringify({ op: 'err', id, ...log, code, message, retryMs });
}

/** Where a subscription begins. */
export function posText(kind: LogKind, name: string, cursor: string): string {
  return JSON.stringify({ op: 'pos', [kind]: name, cursor });
}

/** An event of a subscription. It says nothing of its receiver, so that all subscribers get the same text. */
export function eventText(event: TopicEvent, kind: LogKind, name: string): string {
  switch (event.kind) {
    case 'record':
      return recordText(event, kind, name);
    case 'gap':
      return JSON.stringify({ op: 'gap', [kind]: name, reason: event.reason, cursor: event.cursor });
    case 'end': {
      const { how, cursor, result, error } = event;
      return JSON.stringify({ op: 'end', [kind]: name, how, cursor, result, error });
    }
    default:
      return presenceText(event, kind, name);
  }
}

/** The JSON text of the record is used as it is: parsing and printing it again would be most of the cost. */
function recordText({ cursor, payload }: TopicRecord, kind: LogKind, name: string): string {
  // A cursor needs no escapes.
  const head = `{"op":"msg","${kind}":${JSON.stringify(name)},"cursor":"${cursor}",`;
  if (typeof payload === 'string') return `${head}"data":${payload}}`;
  const { buffer, byteOffset, byteLength } = payload;
  return `${head}"bytes":"${Buffer.from(buffer, byteOffset, byteLength).toString('base64')}"}`;
}

function presenceText(event: PresenceEvent, kind: LogKind, name: string): string {
  if (event.members !== undefined) {
    const members = event.members.map(({ member, meta }) => ({ member, meta }));
    return JSON.stringify({ op: 'presence', [kind]: name, members });
  }
  if (event.joined === undefined) return JSON.stringify({ op: 'presence', [kind]: name, left: event.left });
  return JSON.stringify({ op: 'presence', [kind]: name, joined: event.joined, meta: event.meta });
}
