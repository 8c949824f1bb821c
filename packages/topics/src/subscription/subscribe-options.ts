import type { OptionNames } from '@landspout/ioloop/errors';
import type { ReadFrom } from '../backplane/backplane.ts';
import { isCursor, requireCursor } from '../cursor.ts';
import { topicsChecks } from '../errors.ts';
import { requireName } from '../topic-name.ts';

/**
 * What happens to records that a subscriber does not take, beyond `maxQueue` of them or `maxQueueBytes`.
 *
 * - `wait`: they are read from the history when the subscriber is ready. Only if the history no longer has them, there
 *   is a gap with reason `slow`.
 * - `drop-oldest`: the oldest waiting records are dropped.
 * - `keep-latest`: as `drop-oldest`, and even before that a record replaces a waiting one with the same key.
 * - `close`: the subscription ends, with `slow`.
 *
 * Dropped records are a gap with reason `slow`.
 */
export type SubscriptionPolicy = 'wait' | 'drop-oldest' | 'keep-latest' | 'close';

const POLICIES: readonly SubscriptionPolicy[] = ['wait', 'drop-oldest', 'keep-latest', 'close'];

export interface SubscribeOptions {
  /** A cursor, to read what follows it; `start` for the oldest record kept; `now` for new records. Default: `now`. */
  readonly after?: string | undefined;
  /** Begins this number of records before the end. Not together with `after`. */
  readonly last?: number | undefined;
  /**
   * What an `after` that is not the text of a cursor leads to: an error, or a gap with reason `reset` and then the
   * oldest record kept. Default: `error`.
   */
  readonly invalidCursor?: 'error' | 'gap' | undefined;
  /** Whether to deliver presence: all members first, then changes. Topics only. Default: false. */
  readonly presence?: boolean | undefined;
  /** Whose subscription it is, for `topics.revoke`. Default: none. */
  readonly subject?: string | undefined;
  /** Default: `wait`. */
  readonly policy?: SubscriptionPolicy | undefined;
  /** Most records that wait for the subscriber. Default: 1,000. */
  readonly maxQueue?: number | undefined;
  /** Most bytes of the records that wait, with 150 bytes for each; a larger one waits alone. Default: 1 MiB. */
  readonly maxQueueBytes?: number | undefined;
  /** Closes the subscription when it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

const SUBSCRIBE_OPTIONS: OptionNames<SubscribeOptions> = {
  after: true,
  last: true,
  invalidCursor: true,
  presence: true,
  subject: true,
  policy: true,
  maxQueue: true,
  maxQueueBytes: true,
  signal: true,
};

const DEFAULT_MAX_QUEUE = 1000;
const DEFAULT_MAX_QUEUE_BYTES = 1024 * 1024;

/** The checked options of one subscription. */
export interface SubscriptionPlan {
  /** Undefined: new records only. */
  readonly from: ReadFrom | undefined;
  /** The text in `after` is not a cursor, and a gap is to say so. */
  readonly isInvalidCursor: boolean;
  readonly presence: boolean;
  readonly rules: DeliveryRules;
  readonly signal: AbortSignal | undefined;
}

/** What applies to the records that wait, and to whom they belong. */
export interface DeliveryRules {
  readonly policy: SubscriptionPolicy;
  readonly maxQueue: number;
  readonly maxQueueBytes: number;
  readonly subject: string | undefined;
}

/** Most subscriptions have no options for it: they share one object. */
const DEFAULT_RULES: DeliveryRules = Object.freeze({
  policy: 'wait',
  maxQueue: DEFAULT_MAX_QUEUE,
  maxQueueBytes: DEFAULT_MAX_QUEUE_BYTES,
  subject: undefined,
});

/** @throws TopicsUsageError `ERR_TOPICS_USAGE`, `ERR_TOPICS_CURSOR`. */
export function planSubscription(options: SubscribeOptions): SubscriptionPlan {
  topicsChecks.options('subscribe', options, SUBSCRIBE_OPTIONS);
  const { after, last, invalidCursor = 'error', presence = false, signal } = options;
  topicsChecks.oneOf('subscribe', 'invalidCursor', invalidCursor, ['error', 'gap']);
  topicsChecks.boolean('subscribe', 'presence', presence);
  topicsChecks.signal('subscribe', signal);
  const rules = rulesOf(options);
  if (last !== undefined) {
    if (after !== undefined) throw topicsChecks.wrong('subscribe', 'either after or last', { after, last });
    topicsChecks.wholeNumber('subscribe', 'last', last);
    return { from: { last }, isInvalidCursor: false, presence, rules, signal };
  }
  const isInvalidCursor = after !== undefined && invalidCursor === 'gap' && !isCursor(after);
  const from = isInvalidCursor ? ({ start: true } as const) : startOf(after);
  return { from, isInvalidCursor, presence, rules, signal };
}

function startOf(after: string | undefined): ReadFrom | undefined {
  if (after === undefined || after === 'now') return undefined;
  if (after === 'start') return { start: true };
  return { after: requireCursor('subscribe', after) };
}

/** The rules made last: the subscriptions of a door mostly have equal ones, and share them. */
let lastRules = DEFAULT_RULES;

function rulesOf({
  policy = 'wait',
  maxQueue = DEFAULT_MAX_QUEUE,
  maxQueueBytes = DEFAULT_MAX_QUEUE_BYTES,
  subject,
}: SubscribeOptions): DeliveryRules {
  const isLast =
    policy === lastRules.policy &&
    maxQueue === lastRules.maxQueue &&
    maxQueueBytes === lastRules.maxQueueBytes &&
    subject === lastRules.subject;
  if (isLast) return lastRules;
  lastRules = {
    policy: topicsChecks.oneOf('subscribe', 'policy', policy, POLICIES),
    maxQueue: topicsChecks.wholeNumber('subscribe', 'maxQueue', maxQueue, 1),
    maxQueueBytes: topicsChecks.wholeNumber('subscribe', 'maxQueueBytes', maxQueueBytes, 1),
    subject: subject === undefined ? undefined : requireName('subscribe', 'subject', subject),
  };
  return lastRules;
}
