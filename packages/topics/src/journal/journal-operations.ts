import { Buffer } from 'node:buffer';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type {
  NewRecord,
  NewRun,
  NewRunEnd,
  RunClaim,
  RunInfo,
  TopicSettings,
} from '../backplane/backplane.ts';
import type { LogEntry } from '../logs/log-entry.ts';
import type { LogStore } from '../logs/log-store.ts';
import { RunState } from '../logs/run-state.ts';
import type { LocalLogs } from '../memory/local-logs.ts';
import type { Payload, TopicEnd } from '../record.ts';
import type { Operation } from './commit-queue.ts';

/** What the other parts of an entry take at most: names, ids, keys and numbers. */
const ENTRY_BYTES = 2048;
const NO_ENTRIES: readonly LogEntry[] = [];

/** The changes of the logs, as they are planned and applied. */
export class JournalOperations {
  readonly #logs: LocalLogs;
  readonly #store: LogStore;

  constructor(logs: LocalLogs) {
    this.#logs = logs;
    this.#store = logs.store;
  }

  append(topic: string, record: NewRecord, settings: TopicSettings): Operation<string> {
    return {
      log: { kind: 'topic', name: topic },
      isChained: true,
      bytes: sizeOf(record.payload),
      plan: (plans) => {
        const { entries = NO_ENTRIES, cursor } = this.#store.planAppend(topic, record, settings, plans);
        return { entries, finish: () => cursor };
      },
    };
  }

  delete(topic: string): Operation<void> {
    return {
      log: { kind: 'topic', name: topic },
      isChained: false,
      bytes: ENTRY_BYTES,
      plan: () => {
        const isKnown = this.#store.topics.peek(topic) !== undefined;
        return {
          entries: isKnown ? [{ type: 'delete', topic }] : NO_ENTRIES,
          finish: () => this.#logs.deleted(topic),
        };
      },
    };
  }

  claimRun(run: NewRun): Operation<RunClaim | { readonly token: undefined; readonly run: RunInfo }> {
    return {
      log: { kind: 'run', name: run.id },
      isChained: false,
      bytes: sizeOf(run.input ?? ''),
      plan: (plans) => {
        const planned = this.#store.planClaim(run, plans);
        if (planned instanceof RunState) {
          return { entries: NO_ENTRIES, finish: () => ({ token: undefined, run: planned.info() }) };
        }
        return { entries: planned.entries, finish: () => this.#store.lease(this.#store.run(run.id)) };
      },
    };
  }

  writeRun(id: string, token: number, payload: Payload): Operation<string> {
    return {
      log: { kind: 'run', name: id },
      isChained: true,
      bytes: sizeOf(payload),
      plan: (plans) => {
        const { entries, position } = this.#store.planWrite(id, token, payload, plans);
        const { log } = this.#store.run(id);
        return { entries, finish: () => log.cursorAt(position) };
      },
    };
  }

  endRun(id: string, token: number, end: NewRunEnd): Operation<TopicEnd> {
    return {
      log: { kind: 'run', name: id },
      isChained: false,
      bytes: sizeOf(end.result ?? end.error?.message ?? ''),
      plan: (plans) => {
        const entries = this.#store.planEnd(id, token, end, plans);
        const { log } = this.#store.run(id);
        return { entries, finish: () => log.end as TopicEnd };
      },
    };
  }

  cancelRun(id: string): Operation<RunInfo> {
    return {
      log: { kind: 'run', name: id },
      isChained: false,
      bytes: ENTRY_BYTES,
      plan: () => {
        const run = this.#store.run(id);
        const isChange = run.log.end === undefined && !run.cancelRequested;
        return { entries: isChange ? [{ type: 'cancel', id }] : NO_ENTRIES, finish: () => run.info() };
      },
    };
  }

  /** @param id - undefined: any run. */
  claimExpiredRun(id: string | undefined): Operation<RunClaim | undefined> {
    return {
      log: id === undefined ? undefined : { kind: 'run', name: id },
      isChained: false,
      bytes: ENTRY_BYTES,
      plan: (plans) => {
        const run = this.#store.expiredRun(id, plans);
        if (run === undefined) return { entries: NO_ENTRIES, finish: () => undefined };
        plans.for(run.log.name).isSealed = true;
        return { entries: [this.#store.runs.planContinue(run)], finish: () => this.#store.lease(run) };
      },
    };
  }

  [INSPECT](): object {
    return inspection(this, []);
  }
}

function sizeOf(payload: Payload): number {
  return ENTRY_BYTES + (typeof payload === 'string' ? Buffer.byteLength(payload) : payload.byteLength);
}
