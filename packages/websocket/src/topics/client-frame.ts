// What a client says: text frames of the subprotocol `landspout.topics.v1`, one JSON object each.

import { MAX_JSON_LEVELS, parseJson } from '@landspout/web';
import { isName } from '@landspout/web/topics';
import type { PublicFault, TopicDoorErrorCode } from './topic-door-errors.ts';

/** A topic or a run. Both may have one of the same name. */
export type LogKind = 'topic' | 'run';

/** A valid frame of a client. Members that its `op` does not have are undefined. */
export interface ClientFrame {
  readonly op: 'sub' | 'unsub' | 'pub' | 'cancel';
  /** Chosen by the client, for the reply. */
  readonly id: number;
  readonly kind: LogKind;
  /** The name of the topic, or the id of the run. */
  readonly name: string;
  readonly after: string | undefined;
  readonly last: number | undefined;
  readonly presence: boolean;
  readonly data: unknown;
  readonly ref: string | undefined;
}

/** Why a frame is invalid, and as much of it as the reply can refer to. */
export interface FrameProblem {
  readonly op: undefined;
  readonly id: number | undefined;
  readonly kind: LogKind | undefined;
  readonly name: string | undefined;
  readonly fault: PublicFault;
}

type Members = Readonly<Record<string, unknown>>;

/** Parses a message. Members that are not known are ignored. */
export function parseClientFrame(message: string | Uint8Array): ClientFrame | FrameProblem {
  if (typeof message !== 'string') return problem('a frame must be text, not binary');
  const parsed = parseJson(message);
  if (parsed.problem === 'syntax') return problem('a frame must be JSON');
  if (parsed.problem !== undefined)
    return problem(`a frame must not have more than ${MAX_JSON_LEVELS} levels`);
  const { value } = parsed;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return problem('a frame must be one JSON object');
  return checked(value as Members);
}

function checked(members: Members): ClientFrame | FrameProblem {
  const { op, id, after, last, presence = false, data, ref } = members;
  if (!isWhole(id)) return problem('id: a whole number was expected');
  if (op !== 'sub' && op !== 'unsub' && op !== 'pub' && op !== 'cancel')
    return problem('op: sub, unsub, pub or cancel was expected', { id }, 'ERR_TOPICS_UNKNOWN_OP');
  const target = targetOf(members);
  if (target === undefined) {
    const expected = 'exactly one of topic and run, of 1 to 256 bytes without control characters,';
    return problem(`${expected} was expected`, { id });
  }
  const { kind, name } = target;
  const about = { id, kind, name };
  if (op === 'pub' && kind !== 'topic') return problem('pub: topic was expected, not run', about);
  if (op === 'cancel' && kind !== 'run') return problem('cancel: run was expected, not topic', about);
  if (op === 'pub' && data === undefined) return problem('pub: data was expected', about);
  if (op === 'pub' && ref !== undefined && !isName(ref))
    return problem('ref: text of 1 to 256 bytes without control characters was expected', about);
  if (op === 'sub') {
    if (after !== undefined && typeof after !== 'string')
      return problem('after: a cursor was expected', about, 'ERR_TOPICS_CURSOR');
    if (last !== undefined && !isWhole(last)) return problem('last: a whole number was expected', about);
    if (typeof presence !== 'boolean') return problem('presence: true or false was expected', about);
  }
  return {
    ...about,
    op,
    after: after as string | undefined,
    last: last as number | undefined,
    presence: presence === true,
    data,
    ref: ref as string | undefined,
  };
}

function targetOf({ topic, run }: Members): { readonly kind: LogKind; readonly name: string } | undefined {
  if (run === undefined) return isName(topic) ? { kind: 'topic', name: topic } : undefined;
  return topic === undefined && isName(run) ? { kind: 'run', name: run } : undefined;
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function problem(
  message: string,
  about: { readonly id?: number; readonly kind?: LogKind; readonly name?: string } = {},
  code: TopicDoorErrorCode | 'ERR_TOPICS_CURSOR' = 'ERR_TOPICS_BAD_FRAME',
): FrameProblem {
  const { id, kind, name } = about;
  return { op: undefined, id, kind, name, fault: { code, message } };
}
