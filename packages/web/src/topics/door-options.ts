import type { OptionNames } from '@landspout/ioloop/errors';
import { webChecks } from '../errors.ts';

/** Limits of a {@link TopicDoor}. */
export interface TopicDoorOptions {
  /** How many records a client may publish in a second, on average. Default: 20. */
  readonly publishesPerSecond?: number;
  /** How many records a client may publish at once, after a pause. Default: 40. */
  readonly publishBurst?: number;
  /** How many records all clients may publish in a second, in this process. Default: 2,000. */
  readonly totalPublishesPerSecond?: number;
  /** How many records all clients may publish at once. Default: 4,000. */
  readonly totalPublishBurst?: number;
  /** The number of clients whose rates are known. If there are more, the least recently used is forgotten. Default: 100,000. */
  readonly maxPublishers?: number;
  /**
   * Maximum size of the body of a POST; 413 beyond that. The option `maxBodyBytes` of the route refuses a larger body
   * before it is read. Default: 1 MiB and 64 KiB, for a record of 1 MiB.
   */
  readonly maxBodyBytes?: number;
  /** The longest time that a long poll waits. Default: 25,000, less than the timeout of most proxies. */
  readonly maxWaitMs?: number;
  /** Maximum number of records in the response to a long poll. Default: 1,000. */
  readonly maxPollRecords?: number;
  /** The response to a long poll is complete after this many bytes of data. Default: 1 MiB. */
  readonly maxPollBytes?: number;
  /** See `EventStreamOptions`. Default: 15,000. */
  readonly keepAliveMs?: number;
  /** See `EventStreamOptions`. Default: 3,000. */
  readonly retryMs?: number;
  /** See `CursorStreamOptions`. Default: 0. */
  readonly reauthorizeMs?: number;
}

const DOOR_OPTIONS: OptionNames<TopicDoorOptions> = {
  publishesPerSecond: true,
  publishBurst: true,
  totalPublishesPerSecond: true,
  totalPublishBurst: true,
  maxPublishers: true,
  maxBodyBytes: true,
  maxWaitMs: true,
  maxPollRecords: true,
  maxPollBytes: true,
  keepAliveMs: true,
  retryMs: true,
  reauthorizeMs: true,
};

const OPERATION = 'TopicDoor';
const MAX_RATE = 1_000_000;
/** Beyond this, a poll is no longer a poll, and many proxies give up. */
const MOST_WAIT_MS = 600_000;

/** Checked options with their defaults. */
export type DoorSettings = Required<TopicDoorOptions>;

/** @throws WebUsageError `ERR_WEB_USAGE` if an option is unknown or invalid. */
export function doorSettings(options: TopicDoorOptions): DoorSettings {
  webChecks.options(OPERATION, options, DOOR_OPTIONS);
  const { publishesPerSecond = 20, publishBurst = 40, maxPublishers = 100_000 } = options;
  const { totalPublishesPerSecond = 2_000, totalPublishBurst = 4_000 } = options;
  const { maxBodyBytes = 1_114_112, maxWaitMs = 25_000 } = options;
  const { maxPollRecords = 1_000, maxPollBytes = 1_048_576 } = options;
  const { keepAliveMs = 15_000, retryMs = 3_000, reauthorizeMs = 0 } = options;
  const count = (name: string, value: number, most: number): number =>
    webChecks.wholeNumber(OPERATION, name, value, 1, most);
  return {
    publishesPerSecond: count('publishesPerSecond', publishesPerSecond, MAX_RATE),
    publishBurst: count('publishBurst', publishBurst, MAX_RATE),
    totalPublishesPerSecond: count('totalPublishesPerSecond', totalPublishesPerSecond, MAX_RATE),
    totalPublishBurst: count('totalPublishBurst', totalPublishBurst, MAX_RATE),
    maxPublishers: count('maxPublishers', maxPublishers, 10_000_000),
    maxBodyBytes: count('maxBodyBytes', maxBodyBytes, Number.MAX_SAFE_INTEGER),
    maxWaitMs: webChecks.wholeNumber(OPERATION, 'maxWaitMs', maxWaitMs, 0, MOST_WAIT_MS),
    maxPollRecords: count('maxPollRecords', maxPollRecords, MAX_RATE),
    maxPollBytes: count('maxPollBytes', maxPollBytes, Number.MAX_SAFE_INTEGER),
    // These are checked again where they are used, with the name of that operation.
    keepAliveMs: webChecks.durationMs(OPERATION, 'keepAliveMs', keepAliveMs),
    retryMs: webChecks.durationMs(OPERATION, 'retryMs', retryMs),
    reauthorizeMs: webChecks.durationMs(OPERATION, 'reauthorizeMs', reauthorizeMs),
  };
}
