import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { LogName } from '../backplane/backplane.ts';
import type { BeginEntry } from './log-entry.ts';
import type { RunState } from './run-state.ts';
import type { TopicState } from './topic-state.ts';

/** What is planned for one log: the next plan goes on from there. */
export interface Planned {
  records: number;
  bytes: number;
  /** The cursors of the ids among the planned records. */
  ids: Map<string, string> | undefined;
  begun: BeginEntry | undefined;
  /** Whether nothing more may be planned for the log before this is applied. */
  isSealed: boolean;
}

/** Plans that are not applied yet. The logs that they are about stay until then. */
export class Plans {
  newTopics = 0;
  newRuns = 0;
  /** How many bytes of topics are added, and how many of topics that are forgotten go. */
  topicBytes = 0;
  freedTopicBytes = 0;
  /** How many bytes of runs are added, less those that go. */
  runBytes = 0;
  /** What is forgotten to make room. */
  readonly forgottenTopics: TopicState[] = [];
  readonly forgottenRuns: RunState[] = [];
  readonly #topics = new Map<string, Planned>();
  readonly #runs = new Map<string, Planned>();

  /** Number of logs with plans. */
  get size(): number {
    return this.#topics.size + this.#runs.size;
  }

  find({ kind, name }: LogName): Planned | undefined {
    return this.#of(kind).get(name);
  }

  /** The plans of a log, which may be none yet. */
  for({ kind, name }: LogName): Planned {
    let planned = this.#of(kind).get(name);
    if (planned === undefined) {
      planned = { records: 0, bytes: 0, ids: undefined, begun: undefined, isSealed: false };
      this.#of(kind).set(name, planned);
    }
    return planned;
  }

  [INSPECT](): object {
    return inspection(this, ['size', 'newTopics', 'newRuns']);
  }

  #of(kind: LogName['kind']): Map<string, Planned> {
    return kind === 'topic' ? this.#topics : this.#runs;
  }
}
