import type { Clock, ClockTimer, Logger } from '@landspout/ioloop';
import type { DoorEnd, DoorHandler, MessageDoor } from '@landspout/ioloop/processes';
import { runInRootContext } from '@landspout/ioloop/reactor';
import { MetricsUnavailableError } from '../../errors.ts';
import type { MetricFamily } from '../registry/snapshot.ts';
import { decodeMessage, encodeMessage, type Message } from './wire.ts';

/** What both sides of sharing are made with. */
export interface ShareRules {
  /** Distinguishes the doors of several metrics of one program. */
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Reads the metrics of this process. */
  collect(): Promise<readonly MetricFamily[]>;
  /** Reads its counters and histograms only. */
  collectTotals(): Promise<readonly MetricFamily[]>;
}

/** How long the parent may take: it waits up to a second for the other children. */
const GATHER_MS = 5_000;
/**
 * How often a child sends what it has counted without being asked. What it counts later is lost if it is killed, unless
 * a page is made in between.
 */
const PUSH_MS = 5_000;
/** The id of what is sent without being asked. */
const UNASKED = 0;

const PROBLEMS: Readonly<Record<DoorEnd, (name: string) => string>> = {
  ended: () => 'the parent has ended',
  closed: () => 'the parent has closed its metrics',
  refused: (name) =>
    `the parent has no metrics that are shared as ${JSON.stringify(name)}; call new Metrics above server.start or forkProcesses, so that it runs in the parent too`,
};

/** The metrics of a child: it sends what it has counted to its parent, and asks it for the sum. */
export class ChildShare {
  readonly role = 'child';
  readonly #rules: ShareRules;
  readonly #door: MessageDoor;
  #problem: string | undefined;
  #lastId = 0;
  #waiting: { readonly id: number; settle(outcome: readonly MetricFamily[] | string): void } | undefined;
  #gathering: Promise<readonly MetricFamily[]> | undefined;
  #push: ClockTimer | undefined;
  #hasSentLast = false;
  readonly #onBeforeExit = (): void => void this.#sendLast();

  /** @param open - opens the door; see `openDoor`. */
  constructor(rules: ShareRules, open: (handler: DoorHandler) => MessageDoor) {
    this.#rules = rules;
    this.#door = open({
      message: (bytes) => this.#received(bytes),
      drained() {},
      closed: (reason) => this.#closed(reason),
    });
    process.on('beforeExit', this.#onBeforeExit);
    this.#schedulePush();
  }

  /** Asks the parent for the metrics of all processes. @throws MetricsUnavailableError. */
  gather(): Promise<readonly MetricFamily[]> {
    this.#gathering ??= this.#ask().finally(() => {
      this.#gathering = undefined;
    });
    return this.#gathering;
  }

  close(): void {
    process.off('beforeExit', this.#onBeforeExit);
    this.#push?.cancel();
    this.#door.close();
    this.#problem ??= 'the metrics were closed';
    this.#waiting?.settle(this.#problem);
  }

  async #ask(): Promise<readonly MetricFamily[]> {
    if (this.#problem !== undefined) throw unavailable(this.#problem);
    this.#lastId += 1;
    const id = this.#lastId;
    const outcome = await new Promise<readonly MetricFamily[] | string>((resolve) => {
      const timer = this.#rules.clock.setTimeout(
        () => resolve(`the parent did not reply within ${GATHER_MS / 1000} s`),
        GATHER_MS,
      );
      this.#waiting = {
        id,
        settle(value) {
          timer.cancel();
          resolve(value);
        },
      };
      if (!this.#door.send(encodeMessage({ kind: 'gather', id })))
        this.#waiting.settle('too many messages wait to be sent to the parent');
    });
    this.#waiting = undefined;
    if (typeof outcome === 'string') throw unavailable(outcome);
    return outcome;
  }

  #received(bytes: Uint8Array): void {
    const message = decodeMessage(bytes);
    if (message?.kind === 'collect') void this.#send(message.id);
    else if (message?.kind === 'gathered') this.#settle(message.id, message.families);
    else if (message?.kind === 'failed') this.#settle(message.id, message.reason);
  }

  #settle(id: number, outcome: readonly MetricFamily[] | string): void {
    if (this.#waiting?.id === id) this.#waiting.settle(outcome);
  }

  /** Sends what this process has counted. Never rejects. */
  async #send(id: number): Promise<void> {
    try {
      const families = await (id === UNASKED ? this.#rules.collectTotals() : this.#rules.collect());
      const message: Message = { kind: 'snapshot', id, families };
      this.#door.send(encodeMessage(message));
    } catch (error) {
      this.#rules.logger.error({ error }, 'the metrics of this process could not be sent to its parent');
    }
  }

  #schedulePush(): void {
    runInRootContext(() => {
      this.#push = this.#rules.clock.setTimeout(() => void this.#pushNow(), PUSH_MS);
      this.#push.unref();
    }, undefined);
  }

  async #pushNow(): Promise<void> {
    await this.#send(UNASKED);
    if (this.#problem === undefined) this.#schedulePush();
  }

  /** Sends the last totals when nothing keeps this process alive any more, and lets them leave. */
  async #sendLast(): Promise<void> {
    if (this.#hasSentLast || this.#problem !== undefined) return;
    this.#hasSentLast = true;
    this.#door.ref();
    await this.#send(UNASKED);
    // The door sends at the end of a turn.
    setImmediate(() => setImmediate(() => this.#door.unref()));
  }

  #closed(reason: DoorEnd): void {
    const { name, logger } = this.#rules;
    const problem = PROBLEMS[reason](name);
    this.#problem ??= problem;
    this.#push?.cancel();
    this.#waiting?.settle(problem);
    if (reason !== 'ended') logger.error({ name }, `metrics: ${problem}`);
  }
}

function unavailable(problem: string): MetricsUnavailableError {
  return new MetricsUnavailableError(`the metrics of all processes cannot be read: ${problem}`);
}
