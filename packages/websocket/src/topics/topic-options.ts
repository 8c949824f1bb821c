import { type Clock, IOLoop } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { isThenable } from '@landspout/ioloop/reactor';
import { webSocketChecks } from '../protocol/limits.ts';
import type { Rate } from './rate-limit.ts';

/** Limits of one connection of a `TopicHandler`. */
export interface TopicOptions {
  /** Most subscriptions. Default: 100. */
  readonly maxSubscriptions?: number;
  /** Most operations that wait, for example for `authorize`; beyond that, the client is not read. Default: 128. */
  readonly maxPending?: number;
  /** How many records a client may publish in a second, on average. Default: 20. */
  readonly publishesPerSecond?: number;
  /** How many records a client may publish at once. Default: 40. */
  readonly publishBurst?: number;
  /** How many records all clients of the class may publish in a second, in this process. Default: 2,000. */
  readonly totalPublishesPerSecond?: number;
  /** How many records all clients of the class may publish at once. Default: 4,000. */
  readonly totalPublishBurst?: number;
  /** How many frames a client may send in a second, on average; beyond that, it is closed with 1008. Default: 200. */
  readonly framesPerSecond?: number;
  /** How many frames a client may send at once. Default: 1,000. */
  readonly frameBurst?: number;
  /** How often `authorize` is asked again for each subscription; 0: only at its begin. Default: 0. */
  readonly reauthorizeMs?: number;
  /** Default: the clock of this thread's event loop. */
  readonly clock?: Clock;
}

const TOPIC_OPTIONS: OptionNames<TopicOptions> = {
  maxSubscriptions: true,
  maxPending: true,
  publishesPerSecond: true,
  publishBurst: true,
  totalPublishesPerSecond: true,
  totalPublishBurst: true,
  framesPerSecond: true,
  frameBurst: true,
  reauthorizeMs: true,
  clock: true,
};

/** {@link TopicOptions} with all defaults filled in. */
export interface TopicSettings {
  readonly maxSubscriptions: number;
  readonly maxPending: number;
  readonly publishes: Rate;
  readonly totalPublishes: Rate;
  readonly frames: Rate;
  readonly reauthorizeMs: number;
  readonly clock: Clock;
}

const MAX_RATE = 1_000_000;

/** @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_OPTION` if an option is unknown or out of range. */
function resolveTopicOptions(options: TopicOptions): TopicSettings {
  if (isThenable(options))
    throw webSocketChecks.wrong('topicOptions', 'an object of options, which is not awaited,', options);
  webSocketChecks.options('topicOptions', options, TOPIC_OPTIONS);
  const { maxSubscriptions = 100, maxPending = 128, reauthorizeMs = 0 } = options;
  const { publishesPerSecond = 20, publishBurst = 40 } = options;
  const { totalPublishesPerSecond = 2_000, totalPublishBurst = 4_000 } = options;
  const { framesPerSecond = 200, frameBurst = 1_000, clock = IOLoop.current().clock } = options;
  webSocketChecks.wholeNumber('topicOptions', 'maxSubscriptions', maxSubscriptions, 1);
  webSocketChecks.wholeNumber('topicOptions', 'maxPending', maxPending, 1);
  webSocketChecks.durationMs('topicOptions', 'reauthorizeMs', reauthorizeMs);
  webSocketChecks.withMethods('topicOptions', 'a clock', clock, 'now', 'setTimeout');
  return {
    maxSubscriptions,
    maxPending,
    publishes: rateOf('publishesPerSecond', publishesPerSecond, 'publishBurst', publishBurst),
    totalPublishes: rateOf(
      'totalPublishesPerSecond',
      totalPublishesPerSecond,
      'totalPublishBurst',
      totalPublishBurst,
    ),
    frames: rateOf('framesPerSecond', framesPerSecond, 'frameBurst', frameBurst),
    reauthorizeMs,
    clock,
  };
}

function rateOf(rateName: string, perSecond: number, burstName: string, burst: number): Rate {
  webSocketChecks.positiveNumber('topicOptions', rateName, perSecond);
  webSocketChecks.wholeNumber('topicOptions', burstName, burst, 1, MAX_RATE);
  return { perSecond, burst };
}

const latest = new WeakMap<
  object,
  { readonly options: TopicOptions; readonly clock: Clock; readonly settings: TopicSettings }
>();

/** Like {@link resolveTopicOptions}, but thousands of connections of one class with the same options share the result. */
export function sharedTopicSettings(owner: object, options: TopicOptions): TopicSettings {
  const { clock } = IOLoop.current();
  const known = latest.get(owner);
  if (known !== undefined && known.clock === clock && isSame(options, known.options)) return known.settings;
  const settings = resolveTopicOptions(options);
  latest.set(owner, { options: { ...options }, clock, settings });
  return settings;
}

function isSame(options: TopicOptions, others: TopicOptions): boolean {
  if (typeof options !== 'object' || options === null) return false;
  const names = Object.keys(options) as (keyof TopicOptions)[];
  return names.length === Object.keys(others).length && names.every((name) => options[name] === others[name]);
}
