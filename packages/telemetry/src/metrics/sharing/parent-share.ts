import type { ClockTimer } from '@landspout/ioloop';
import { errorOf } from '@landspout/ioloop/errors';
import type { DoorEnd, DoorHandler, MessageDoor } from '@landspout/ioloop/processes';
import type { MetricFamily } from '../registry/snapshot.ts';
import type { ShareRules } from './child-share.ts';
import { EndedTotals, keepUnread, mergeSnapshots, type ProcessSnapshot } from './merge.ts';
import { ShownSeries } from './shown-series.ts';
import { decodeMessage, encodeMessage, type Message } from './wire.ts';

/** How long a child may take to say what it has counted. */
const REPLY_MS = 1_000;
/** The process label of the parent itself. */
const PARENT = 'parent';

export interface ParentRules extends ShareRules {
  /** Comes before the names of the metrics about the processes. */
  readonly prefix: string;
}

/** The metrics of a parent: it adds up those of its children, and keeps the totals of children that have ended. */
export class ParentShare {
  readonly #rules: ParentRules;
  readonly #service: { close(): void };
  /** The latest last. */
  readonly #sessions = new Set<ChildSession>();
  readonly #shown = new ShownSeries((metric) => this.#warn(metric, TOO_MANY_SERIES));
  readonly #ended = new EndedTotals(this.#shown);
  readonly #warned = new Set<string>();
  /** What this process itself had counted when it was read last. */
  #own: readonly MetricFamily[] = [];
  #hasServed = false;
  #accepted = 0;
  #lastId = 0;
  #missed = 0;
  #gathering: Promise<readonly MetricFamily[]> | undefined;

  /** @param serve - serves the door; see `serveDoor`. */
  constructor(rules: ParentRules, serve: (accept: (door: MessageDoor) => DoorHandler) => { close(): void }) {
    this.#rules = rules;
    this.#service = serve((door) => this.#accept(door));
  }

  /** `alone` until the first child has opened the door. */
  get role(): 'alone' | 'parent' {
    return this.#hasServed ? 'parent' : 'alone';
  }

  /** Reads the metrics of all processes. Calls at the same time share one reading. */
  gather(): Promise<readonly MetricFamily[]> {
    if (!this.#hasServed) return this.#rules.collect();
    this.#gathering ??= this.#gather().finally(() => {
      this.#gathering = undefined;
    });
    return this.#gathering;
  }

  close(): void {
    this.#service.close();
    for (const session of this.#sessions) session.close();
    this.#sessions.clear();
  }

  #accept(door: MessageDoor): DoorHandler {
    this.#hasServed = true;
    this.#accepted += 1;
    const order = this.#accepted;
    const session = new ChildSession(door, this.#rules, {
      gather: (id) => void this.#reply(session, id),
      ended: () => {
        if (this.#sessions.delete(session)) this.#ended.add(session.families, order);
      },
    });
    this.#sessions.add(session);
    return session;
  }

  async #reply(session: ChildSession, id: number): Promise<void> {
    try {
      session.send({ kind: 'gathered', id, families: await this.gather() });
    } catch (error) {
      this.#rules.logger.error({ error }, 'the metrics of all processes could not be read');
      session.send({ kind: 'failed', id, reason: `the parent has failed (${errorOf(error).message})` });
    }
  }

  async #gather(): Promise<readonly MetricFamily[]> {
    this.#lastId += 1;
    const id = this.#lastId;
    const own = this.#rules.collect();
    const replies = Array.from(this.#sessions, (session) => session.ask(id));
    await Promise.all(replies);
    this.#own = keepUnread(this.#own, await own);
    // From here on at once, so that no child is counted both as running and as ended.
    const sessions = [...this.#sessions].reverse();
    const silent = sessions.filter((session) => session.repliedTo !== id).length;
    this.#missed += silent;
    const snapshots: ProcessSnapshot[] = sessions.map((session) => session.snapshot(id));
    snapshots.push({
      process: PARENT,
      families: [...this.#own, ...this.#ownFamilies(sessions.length + 1 - silent, silent)],
      isStale: false,
    });
    const merged = mergeSnapshots(snapshots, this.#ended.families(), this.#shown);
    for (const name of merged.conflicts) this.#warn(name, DIFFERENT_DEFINITIONS);
    return merged.families;
  }

  /** How many processes the page is about. */
  #ownFamilies(replied: number, silent: number): readonly MetricFamily[] {
    const common = { labelNames: [] as string[], across: 'sum', buckets: [], maxSeries: 2 } as const;
    const { prefix } = this.#rules;
    return [
      {
        ...common,
        name: `${prefix}metrics_processes`,
        type: 'gauge',
        help: 'Processes whose metrics are on this page, by whether they have replied in time.',
        labelNames: ['state'],
        points: [
          { labels: ['replied'], values: [replied] },
          { labels: ['silent'], values: [silent] },
        ],
      },
      {
        ...common,
        name: `${prefix}metrics_missed_replies_total`,
        type: 'counter',
        help: 'Replies that the children did not give in time; the page then has their earlier totals.',
        points: [{ labels: [], values: [this.#missed] }],
      },
    ];
  }

  #warn(metric: string, problem: string): void {
    const warning = `the metric ${metric} ${problem}`;
    if (this.#warned.has(warning) || this.#warned.size >= MAX_WARNED) return;
    this.#warned.add(warning);
    this.#rules.logger.warn({ metric }, warning);
  }
}

/** As many names as one registry may have. */
const MAX_WARNED = 1_000;
const TOO_MANY_SERIES =
  'has more series in all processes together than its maxSeries: further ones are counted as "other"';
const DIFFERENT_DEFINITIONS =
  'is defined in different ways by the processes of this program; what those with the older definition have counted is left out';

interface SessionHost {
  gather(id: number): void;
  ended(): void;
}

/** The door to one child. */
class ChildSession implements DoorHandler {
  /** What the child has sent last. */
  families: readonly MetricFamily[] = [];
  /** The question that it has replied to last. */
  repliedTo = 0;
  readonly #door: MessageDoor;
  readonly #rules: ShareRules;
  readonly #host: SessionHost;
  #asked: { readonly id: number; done(): void } | undefined;

  constructor(door: MessageDoor, rules: ShareRules, host: SessionHost) {
    this.#door = door;
    this.#rules = rules;
    this.#host = host;
  }

  /** Asks for what the child has counted. Resolves when it has replied, when it has ended, and after a second. */
  ask(id: number): Promise<void> {
    return new Promise((resolve) => {
      let timer: ClockTimer | undefined;
      const done = (): void => {
        timer?.cancel();
        this.#asked = undefined;
        resolve();
      };
      this.#asked = { id, done };
      timer = this.#rules.clock.setTimeout(done, REPLY_MS);
      if (!this.send({ kind: 'collect', id })) done();
    });
  }

  /** @param id - of the question that the child was asked now. */
  snapshot(id: number): ProcessSnapshot {
    return { process: String(this.#door.taskId), families: this.families, isStale: this.repliedTo !== id };
  }

  /** @returns false if too many messages wait, or if the message is too long to send. */
  send(message: Message): boolean {
    return this.#door.send(encodeMessage(message));
  }

  close(): void {
    this.#door.close();
    this.#asked?.done();
  }

  message(bytes: Uint8Array): void {
    const message = decodeMessage(bytes);
    if (message?.kind === 'gather') this.#host.gather(message.id);
    if (message?.kind !== 'snapshot') return;
    if (message.id !== 0) this.repliedTo = message.id;
    const now = keepUnread(this.families, message.families);
    this.families = message.id === 0 ? withGaugesOf(this.families, now) : now;
    if (this.#asked?.id === message.id) this.#asked.done();
  }

  drained(): void {}

  closed(_reason: DoorEnd): void {
    this.#host.ended();
    this.#asked?.done();
  }
}

/** Totals that a child sends without being asked, with the gauges of its last reply, so that they keep their definitions. */
function withGaugesOf(
  before: readonly MetricFamily[],
  totals: readonly MetricFamily[],
): readonly MetricFamily[] {
  return [...totals, ...before.filter(({ type }) => type === 'gauge')];
}
