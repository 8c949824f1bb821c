import { describe, expect, it } from 'vitest';
import { type Awaitable, type Middleware, RequestHandler, type RouteSpec } from '../../src/index.ts';
import { HOSTILE_VALUES } from '../fixtures/hostile-values.ts';
import { bodyOf, converse, requestText, statusesOf } from '../fixtures/raw-client.ts';
import { type Running, withApp } from '../fixtures/running-application.ts';

const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Throws the value of this request if it is called in the place of this request. */
class Throws extends RequestHandler<'/:place/:value'> {
  at(place: string): void {
    if (this.pathParams.place === place) throw HOSTILE_VALUES[this.pathParams.value]?.();
  }

  override setDefaultHeaders(): void {
    this.at('setDefaultHeaders');
  }
  override initialize(): void | Promise<void> {
    this.at('initialize');
    if (this.pathParams.place === 'initialize-later') return later().then(() => this.at('initialize-later'));
  }
  override prepare(): void | Promise<void> {
    this.at('prepare');
    if (this.pathParams.place === 'prepare-later') return later().then(() => this.at('prepare-later'));
  }
  override computeEtag(): undefined {
    this.at('computeEtag');
    return undefined;
  }
  override decodeArgument(value: string): string {
    this.at('decodeArgument');
    return value;
  }
  override writeError(status: number, error?: unknown): Awaitable {
    this.at('writeError');
    return super.writeError(status, error);
  }
  override onFinish(): void {
    this.at('onFinish');
  }
  override get(): void | Promise<void> {
    const { place } = this.pathParams;
    this.at('verb');
    this.getArgument('a', '');
    if (place === 'beforeHeaders') this.response.beforeHeaders(() => this.at('beforeHeaders'));
    if (place === 'writeError') this.sendError(500);
    if (place.endsWith('flush')) {
      this.write('half');
      void this.flush();
      this.at('flush');
    }
    if (place.endsWith('finish')) {
      this.finish('whole');
      this.at('finish');
    }
    if (place.startsWith('later-')) return later().then(() => this.at(place));
  }
}

const middleware: Middleware = (context, next) => {
  const { place, value } = context.pathParams as {
    place?: string;
    value?: string;
  };
  const make = HOSTILE_VALUES[value ?? ''];
  if (make === undefined) return next();
  switch (place) {
    case 'middleware':
      throw make();
    case 'middleware-later':
      return later().then(() => {
        throw make();
      });
    case 'middleware-flush':
      context.response.write('half');
      void context.response.flush();
      throw make();
    case 'middleware-later-flush':
      return later().then(() => {
        context.response.write('half');
        void context.response.flush();
        throw make();
      });
    case 'middleware-after':
      return Promise.resolve(next()).then(() => {
        throw make();
      });
    default:
      return next();
  }
};

class Fine extends RequestHandler {
  override get(): void {
    this.write('fine');
  }
}

const ROUTES: readonly RouteSpec[] = [
  ['/fine', Fine],
  ['/:place/:value', Throws],
];

/** Where a value is thrown, what the client gets, and how many records there are. */
const PLACES: Readonly<Record<string, readonly [outcome: number | 'cut', records: number]>> = {
  // Called again for the error page, where it fails again.
  setDefaultHeaders: [500, 2],
  initialize: [500, 1],
  'initialize-later': [500, 1],
  prepare: [500, 1],
  'prepare-later': [500, 1],
  verb: [500, 1],
  'later-verb': [500, 1],
  decodeArgument: [500, 1],
  computeEtag: [500, 1],
  beforeHeaders: [500, 1],
  flush: ['cut', 1],
  'later-flush': ['cut', 1],
  finish: [200, 1],
  'later-finish': [200, 1],
  onFinish: [200, 1],
  middleware: [500, 1],
  'middleware-later': [500, 1],
  'middleware-flush': ['cut', 1],
  'middleware-later-flush': ['cut', 1],
  'middleware-after': [200, 1],
};

/** Sends a request to the place, one behind it, and one on another connection. */
async function meet({ port, server, log }: Running, place: string, value: string): Promise<unknown> {
  const before = log.records.length;
  const received = await converse(
    port,
    requestText(`/${place}/${value}?a=1`),
    requestText('/fine', 'GET', 'Connection: close'),
  );
  const other = await converse(port, requestText('/fine', 'GET', 'Connection: close'));
  while (server.stats().open > 0) await later();
  const [status, next] = statusesOf(received);
  const isCut = next === undefined && !received.includes('\r\n0\r\n') && !received.includes('fine');
  const records = log.records.slice(before).filter(({ level }) => level !== 'debug').length;
  return [
    isCut ? 'cut' : status,
    isCut ? undefined : next,
    bodyOf(other),
    records,
    server.stats().requests.underWay,
  ];
}

describe('a value that is thrown', () => {
  it.each(Object.keys(HOSTILE_VALUES))(
    'is one error page or a cut body, and one record, whatever it is and wherever: %s [OUT-07] [ATT-72]',
    async (value) => {
      const escaped: unknown[] = [];
      const caught = (error: unknown): void => void escaped.push(error);
      process.on('unhandledRejection', caught).on('uncaughtException', caught);
      try {
        await withApp(
          ROUTES,
          async (running) => {
            for (const [place, [outcome, records]] of Object.entries(PLACES)) {
              expect([place, await meet(running, place, value)]).toEqual([
                place,
                [outcome, outcome === 'cut' ? undefined : 200, 'fine', records, 0],
              ]);
            }
          },
          { middleware: [middleware] },
        );
      } finally {
        process.off('unhandledRejection', caught).off('uncaughtException', caught);
      }
      expect(escaped).toEqual([]);
    },
  );
});
