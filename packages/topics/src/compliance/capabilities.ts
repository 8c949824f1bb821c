import type { Backplane } from '../backplane/backplane.ts';
import { cursorOf, parseCursor } from '../cursor.ts';

/** The two functions of a test framework that the suite needs. */
export interface TestFramework {
  describe(name: string, body: () => void): void;
  it(name: string, test: () => Promise<void>): void;
}

/** Limits of the store that a case asks for. An omitted one is the default of the backplane. */
export interface StoreLimitsUnderTest {
  readonly maxTopics?: number;
  readonly maxHistoryBytes?: number;
  readonly maxRuns?: number;
  readonly maxRunBytes?: number;
}

/** Backplanes over one store that is empty at first. Each backplane, called a node, stands for a process. */
export interface BackplaneCluster {
  /** The nodes that run at present: at least one, and at least two if the capability `nodes` is `'several'`. */
  readonly nodes: readonly Backplane[];
  /** Advances the clock of the nodes and of the store. Called only with the capability `clock`. */
  advance(ms: number): Promise<void>;
  /**
   * Ends a node as SIGKILL ends a process, and removes it from `nodes`; the others go on. Called only if the capability
   * `nodes` is `'several'`.
   */
  kill(node: number): Promise<void>;
  /**
   * Closes or kills all nodes, and starts as many over the same store. Called with `'close'` if the capability `durable`
   * is `'closed'` or `'killed'`, and with `'kill'` if it is `'killed'`.
   */
  restart(how: 'close' | 'kill'): Promise<void>;
  /** Closes the nodes that are still open, and frees the store. */
  close(): Promise<void>;
}

/** Creates an empty store and its nodes, for one case. */
export type MakeCluster = (limits: StoreLimitsUnderTest) => Promise<BackplaneCluster>;

/** What a backplane promises beyond the seam. Cases that need what it does not promise are not registered. */
export interface BackplaneCapabilities {
  /** `'several'` if several processes can use one store. Default: `'one'`. */
  readonly nodes?: 'one' | 'several';
  /** Whether a test can advance the clock that judges ages, leases and delays. Default: true. */
  readonly clock?: boolean;
  /**
   * What a restart of all nodes keeps: nothing (`'no'`, default), everything if the nodes were closed (`'closed'`), or
   * also every append that had settled before the nodes were killed (`'killed'`).
   */
  readonly durable?: 'no' | 'closed' | 'killed';
  /**
   * Whether logs go on in a new epoch after all nodes were killed, because the last records may be lost and their
   * positions given again. Default: false.
   */
  readonly newEpochAfterKill?: boolean;
  /** Whether the backplane enforces `maxTopics`, `maxHistoryBytes`, `maxRuns` and `maxRunBytes` itself. Default: true. */
  readonly storeLimits?: boolean;
  /** Whether `stats()` counts the whole store, not only what this node uses of it. Default: true. */
  readonly countsStore?: boolean;
  /**
   * Returns a cursor of the same epoch that is `by` positions beyond the given one. The default is right for all cursors
   * that end in a dot and a counter.
   */
  readonly cursorBeyond?: (cursor: string, by: number) => string;
  /** Seeds of the randomised cases; each case runs once per seed. Default: 1, 2 and 3. */
  readonly seeds?: readonly number[];
}

export function resolveCapabilities(capabilities: BackplaneCapabilities): Required<BackplaneCapabilities> {
  return {
    nodes: 'one',
    clock: true,
    durable: 'no',
    newEpochAfterKill: false,
    storeLimits: true,
    countsStore: true,
    cursorBeyond: counterBeyond,
    seeds: [1, 2, 3],
    ...capabilities,
  };
}

function counterBeyond(cursor: string, by: number): string {
  const parsed = parseCursor(cursor);
  if (parsed === undefined)
    throw new Error(`the capability cursorBeyond is needed for cursors such as ${cursor}`);
  return cursorOf(parsed.epoch, parsed.position + by);
}
