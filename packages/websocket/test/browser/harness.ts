import type { VirtualClock } from '@landspout/ioloop/testing';
import type { HTTPServer } from '@landspout/web';
import type { TopicGap, TopicHandlers, TopicPresence, TopicsSocketClass } from '../../src/browser/index.ts';
import { TopicsClient, type TopicsClientOptions, type TopicsStatus } from '../../src/browser/index.ts';
import { WebSocket } from '../../src/web-socket/index.ts';
import { until, withApp } from '../fixtures/running-application.ts';
import { TopicServer } from './topic-server.ts';

/** That of Node, which has one since version 22, or ours. */
export const SOME_WEBSOCKET: TopicsSocketClass =
  (globalThis as { WebSocket?: TopicsSocketClass }).WebSocket ?? WebSocket;

/** Real timers, and how many of them are set. */
export class CountedTimers {
  active = 0;

  readonly later = (delayMs: number, callback: () => void): (() => void) => {
    this.active += 1;
    let isSet = true;
    const done = () => {
      if (isSet) this.active -= 1;
      isSet = false;
    };
    const timer = setTimeout(() => {
      done();
      callback();
    }, delayMs);
    return () => {
      clearTimeout(timer);
      done();
    };
  };
}

export interface Scene {
  readonly topics: TopicServer;
  readonly server: HTTPServer;
  /** Of the handler, with http. */
  readonly url: string;
  readonly timers: CountedTimers;
  /** Opens a client that does not wait between attempts. It is closed at the end. */
  connect(options?: TopicsClientOptions): TopicsClient;
}

/** Runs a server of topics while `use` runs. */
export async function withTopics(use: (scene: Scene) => Promise<void>): Promise<void> {
  const topics = new TopicServer();
  await withApp([['/live', topics.handler()]], async ({ server, url }) => {
    const timers = new CountedTimers();
    const clients: TopicsClient[] = [];
    const live = `${url.replace(/^ws/, 'http').replace(/\/$/, '')}/live`;
    try {
      await use({
        topics,
        server,
        url: live,
        timers,
        connect(options = {}) {
          const client = new TopicsClient(live, {
            WebSocket: SOME_WEBSOCKET,
            random: () => 0,
            later: timers.later,
            ...options,
          });
          clients.push(client);
          return client;
        },
      });
    } finally {
      for (const client of clients) client.close();
    }
  });
}

/** The callbacks of a subscription, and what they were called with. */
export class Recorder implements TopicHandlers<unknown> {
  readonly after?: string;
  readonly last?: number;
  readonly data: unknown[] = [];
  readonly cursors: string[] = [];
  readonly positions: string[] = [];
  readonly gaps: TopicGap[] = [];
  readonly ends: object[] = [];
  readonly errors: Error[] = [];
  readonly presence: TopicPresence[] = [];

  constructor(position: { readonly after?: string; readonly last?: number } = {}) {
    Object.assign(this, position);
  }

  readonly onRecord = (data: unknown, cursor: string): void => {
    this.data.push(data);
    this.cursors.push(cursor);
  };
  readonly onPosition = (cursor: string): void => void this.positions.push(cursor);
  readonly onGap = (gap: TopicGap): void => void this.gaps.push(gap);
  readonly onEnd = (end: object): void => void this.ends.push(end);
  readonly onError = (error: Error): void => void this.errors.push(error);
}

/** Records the states of a client, such as `open websocket` and `waiting`. */
export function recordedStates(): {
  readonly states: string[];
  readonly onState: (status: TopicsStatus) => void;
} {
  const states: string[] = [];
  return {
    states,
    onState: ({ state, transport }) => states.push(transport === undefined ? state : `${state} ${transport}`),
  };
}

/** Lets some iterations of the event loop pass. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

export const numbers = (count: number, from = 0): number[] =>
  Array.from({ length: count }, (_, at) => from + at);

export { until };

/** The option `later` for a clock that the test moves. */
export function laterOf(clock: VirtualClock): NonNullable<TopicsClientOptions['later']> {
  return (delayMs, callback) => {
    const timer = clock.setTimeout(callback, delayMs);
    return () => timer.cancel();
  };
}

/** Advances the clock, and lets the network do its work, until a condition is true. */
export async function advanceUntil(clock: VirtualClock, isTrue: () => boolean): Promise<void> {
  while (!isTrue()) {
    await clock.advance(5);
    await turns(1);
  }
}
