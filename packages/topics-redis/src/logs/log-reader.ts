import {
  type LogName,
  newEpoch,
  type Page,
  type PageSize,
  type ReadFrom,
  RunError,
  type TopicGap,
  TopicRecord,
} from '@landspout/topics';
import { readAnnouncement } from '../announcement.ts';
import type { RedisArgument, RedisLink, RedisReply } from '../connection/redis-link.ts';
import { cursorOf, parseCursor, START_ID, timeOf } from '../cursor.ts';
import { endKeyOf, keysOf } from '../keys.ts';
import { endOf, type LogState, stateOf, UNKNOWN } from './log-state.ts';
import { READ, STATE } from './reading-scripts.ts';
import { listOf, textOf } from './replies.ts';

/** A page, and the state of the log when it was read. */
export interface ReadPage {
  readonly page: Page;
  readonly state: LogState;
}

/** A position that no log has: reading after it is a gap. */
const NOWHERE = { epoch: '-', id: START_ID };

/** Reads pages and states of logs. */
export class LogReader {
  readonly #link: RedisLink;
  readonly #prefix: string;
  readonly #keptMs: () => number;

  /** @param keptMs - returns for how long {@link state} makes a topic live. */
  constructor(link: RedisLink, prefix: string, keptMs: () => number) {
    this.#link = link;
    this.#prefix = prefix;
    this.#keptMs = keptMs;
  }

  /**
   * Reads a page. A topic that does not exist is empty.
   *
   * @throws RunError `ERR_RUN_NOT_FOUND`; BackplaneError.
   */
  async read(log: LogName, from: ReadFrom, size: PageSize): Promise<Page> {
    const read = await this.find(log, from, size);
    if (read !== undefined) return read.page;
    if (log.kind === 'run') throw new RunError('ERR_RUN_NOT_FOUND', `there is no run ${log.name}`);
    return emptyPage(from);
  }

  /** Reads a page. @returns undefined if there is no such log. @throws BackplaneError. */
  async find(log: LogName, from: ReadFrom, size: PageSize): Promise<ReadPage | undefined> {
    const { log: logKey, meta } = keysOf(this.#prefix, log);
    const limits = [String(size.maxRecords), String(size.maxBytes)];
    for (let place = placeOf(from); ; ) {
      const reply = listOf(await this.#link.run(READ, [logKey, meta], [...limits, ...place]));
      switch (textOf(reply[0])) {
        case 'none':
          return undefined;
        case 'back':
          place = reply.map(textOf);
          break;
        default:
          return pageOf(reply);
      }
    }
  }

  /**
   * Reads the next page for followers. A topic that does not exist begins; the end of a run is found for some time after the
   * run is forgotten, also if there is another run with its id.
   *
   * @returns undefined if there is no such run, and nothing is known of its end.
   * @throws BackplaneError.
   */
  async next(log: LogName, cursor: string, size: PageSize): Promise<ReadPage | undefined> {
    const from = { after: cursor };
    const read = await this.find(log, from, size);
    if (log.kind === 'run') {
      const isSame = read !== undefined && read.state.epoch === parseCursor(cursor)?.epoch;
      return isSame ? read : ((await this.#findEnd(log, cursor)) ?? read);
    }
    if (read !== undefined) return read;
    await this.state(log, undefined, undefined);
    return this.find(log, from, size);
  }

  /**
   * Reads the state of a log, and makes a topic live longer. A topic begins if there is none.
   *
   * @param known - what the caller knows; undefined: nothing.
   * @param presence - number of changes of presence that the caller knows of; undefined: it is of no interest.
   * @returns `same` if the caller knows all of it; undefined if there is no such run.
   * @throws BackplaneError.
   */
  async state(
    log: LogName,
    known: LogState | undefined,
    presence: number | undefined,
  ): Promise<LogState | 'same' | undefined> {
    const { log: logKey, meta } = keysOf(this.#prefix, log);
    const kind = log.kind === 'topic' ? 't' : 'r';
    const args = [kind, newEpoch(), String(this.#keptMs()), ...knownArguments(known, presence)];
    const [status, state] = listOf(await this.#link.run(STATE, [logKey, meta], args));
    if (textOf(status) === 'same') return 'same';
    return textOf(status) === 'none' ? undefined : stateOf(state);
  }

  /** Finds how the run of a cursor has ended. Its records are a gap if there are any after the cursor. */
  async #findEnd(log: LogName, cursor: string): Promise<ReadPage | undefined> {
    const key = endKeyOf(keysOf(this.#prefix, log).channel);
    const reply = await this.#link.send(key, ['GET', key]);
    const ended = Buffer.isBuffer(reply) ? readAnnouncement(reply) : undefined;
    const known = parseCursor(cursor);
    if (ended?.kind !== 'end' || ended.epoch !== known?.epoch) return undefined;
    const { epoch, before, id, json } = ended;
    const start = cursorOf(epoch, before);
    const gap: TopicGap | undefined =
      before === known.id ? undefined : { kind: 'gap', reason: 'trimmed', cursor: start };
    const page = { records: [], start, cursor: start, gap, more: false, end: endOf(json, epoch, id) };
    return { page, state: { ...UNKNOWN, epoch, last: id, end: json } };
  }
}

function knownArguments(known: LogState | undefined, presence: number | undefined): readonly string[] {
  if (known === undefined) return [];
  const { epoch, last, revocations, deletions, isCancelRequested } = known;
  const counts = [revocations, deletions].map(String);
  return [
    epoch,
    last,
    ...counts,
    presence === undefined ? '' : String(presence),
    isCancelRequested ? '1' : '',
  ];
}

function placeOf(from: ReadFrom): RedisArgument[] {
  if ('start' in from) return ['start'];
  if ('last' in from) return ['last', String(from.last)];
  const { epoch, id } = parseCursor(from.after) ?? NOWHERE;
  return ['after', epoch, id];
}

/** The page of a topic that begins when it is used. */
function emptyPage(from: ReadFrom): Page {
  const cursor = cursorOf(newEpoch(), START_ID);
  const gap: TopicGap | undefined = 'after' in from ? { kind: 'gap', reason: 'reset', cursor } : undefined;
  return { records: [], start: cursor, cursor, gap, more: false, end: undefined };
}

function pageOf([, reason, startId, isMore, entries, stateReply]: readonly RedisReply[]): ReadPage {
  const state = stateOf(stateReply);
  const { epoch, last, end } = state;
  const start = cursorOf(epoch, textOf(startId));
  const gapReason = textOf(reason) as TopicGap['reason'] | '';
  const records = listOf(entries).map((entry) => recordOf(epoch, entry));
  const more = isMore === 1;
  const page: Page = {
    records,
    start,
    cursor: records.at(-1)?.cursor ?? start,
    gap: gapReason === '' ? undefined : { kind: 'gap', reason: gapReason, cursor: start },
    more,
    end: more || end === '' ? undefined : endOf(end, epoch, last),
  };
  return { page, state };
}

/** The record of an entry of a stream: its id, and a list of names and values of fields. */
function recordOf(epoch: string, entry: RedisReply): TopicRecord {
  const [idReply, fieldsReply] = listOf(entry);
  const id = textOf(idReply);
  const fields = listOf(fieldsReply);
  let data: Buffer = Buffer.alloc(0);
  let key: string | undefined;
  let isBytes = false;
  for (let at = 0; at < fields.length; at += 2) {
    const value = fields[at + 1];
    const name = textOf(fields[at]);
    if (name === 'd' && Buffer.isBuffer(value)) data = value;
    else if (name === 'k') key = textOf(value);
    else if (name === 'b') isBytes = true;
  }
  const payload = isBytes ? new Uint8Array(data) : data.toString();
  return new TopicRecord(cursorOf(epoch, id), timeOf(id), key, payload);
}
