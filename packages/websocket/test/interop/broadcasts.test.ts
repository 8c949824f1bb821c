import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { broadcast, PreparedMessage } from '../../src/index.ts';
import { startChromium } from '../fixtures/foreign/chromium-end.ts';
import {
  type ForeignEnd,
  type ForeignOptions,
  type ForeignSocket,
  isSame,
  type Message,
} from '../fixtures/foreign/foreign-end.ts';
import { type OurEnd, type OurOptions, recordingHandlers } from '../fixtures/foreign/our-end.ts';
import { startPython } from '../fixtures/foreign/python-end.ts';
import { WsEnd } from '../fixtures/foreign/ws-end.ts';
import { until, withApp } from '../fixtures/running-application.ts';

type Library = 'ws' | 'websockets' | 'tornado' | 'chromium';

const ends = new Map<Library, ForeignEnd>();
beforeAll(async () => {
  const start = async (library: Library, starting: Promise<ForeignEnd>) => ends.set(library, await starting);
  ends.set('ws', new WsEnd());
  await Promise.all([
    start('websockets', startPython('websockets')),
    start('tornado', startPython('tornado')),
    start('chromium', startChromium()),
  ]);
});
afterAll(async () => {
  for (const end of ends.values()) await end[Symbol.asyncDispose]();
});

const ROUTES = {
  '/plain': { compression: false },
  '/default': { compression: true },
  '/everything': { compression: { thresholdBytes: 0 } },
  '/takeover': { compression: { contextTakeover: true, thresholdBytes: 0 } },
  '/small': { compression: { maxWindowBits: 9, peerMaxWindowBits: 9, thresholdBytes: 0 } },
  '/small-takeover': { compression: { contextTakeover: true, maxWindowBits: 9, thresholdBytes: 0 } },
} as const satisfies Record<string, OurOptions>;

/** Clients that have agreed on other parameters each, or on none. */
const CLIENTS: readonly (readonly [Library, keyof typeof ROUTES, ForeignOptions['deflate']])[] = [
  ['ws', '/plain', undefined],
  ['ws', '/default', { serverMaxWindowBits: 9 }],
  ['ws', '/everything', { serverMaxWindowBits: 12, clientMaxWindowBits: 10 }],
  ['ws', '/takeover', {}],
  ['ws', '/takeover', { serverNoContextTakeover: true }],
  ['websockets', '/default', {}],
  ['websockets', '/takeover', { serverMaxWindowBits: 11 }],
  ['websockets', '/takeover', { clientNoContextTakeover: true, serverMaxWindowBits: 15 }],
  ['websockets', '/small', {}],
  ['tornado', '/plain', {}],
  ['tornado', '/takeover', {}],
  ['tornado', '/small-takeover', {}],
  ['chromium', '/default', {}],
  ['chromium', '/everything', {}],
  ['chromium', '/takeover', {}],
  ['chromium', '/small', {}],
];

const item = (i: number): string => `{"type":"price","symbol":"LSPT-${i % 7}","price":${(i * 37) % 1000}}`;

const MESSAGES: readonly Message[] = [
  '',
  'é€😀',
  ...Array.from({ length: 30 }, (_, i) => item(i)),
  Array.from({ length: 3_000 }, (_, i) => item(i)).join(),
  Buffer.alloc(0),
  Buffer.from(Array.from({ length: 300 }, (_, i) => i & 0xff)),
  Buffer.alloc(200_000, 'bytes '),
  ...Array.from({ length: 30 }, (_, i) => item(i)),
];

describe('broadcast, to clients of several libraries', () => {
  it('reaches each with its own parameters, in order [WS-10, WS-17]', async () => {
    const handlers: OurEnd[] = [];
    const classes = Object.entries(ROUTES).map(([path, options]) => ({
      path,
      ...recordingHandlers(options),
    }));
    const routes = classes.map(({ path, handlerClass }) => [path, handlerClass] as const);
    await withApp(routes, async ({ url, log }) => {
      const clients: ForeignSocket[] = [];
      for (const [library, path, deflate] of CLIENTS)
        clients.push(await (ends.get(library) as ForeignEnd).connect(`${url}${path}`, { deflate }));
      const opened = classes.flatMap((one) => one.opened);
      handlers.push(...opened);
      expect(opened).toHaveLength(CLIENTS.length);
      for (const message of MESSAGES) expect(broadcast(opened, message)).toBe(CLIENTS.length);
      const prepared = new PreparedMessage(MESSAGES.at(-1) as string);
      for (let i = 0; i < 3; i += 1) expect(broadcast(opened, prepared)).toBe(CLIENTS.length);
      const expected = [...MESSAGES, ...Array.from({ length: 3 }, () => MESSAGES.at(-1) as string)];
      await until(() => opened.every((one) => one.messages.length >= expected.length || one.closes > 0));
      for (const handler of opened) {
        expect(handler.messages).toHaveLength(expected.length);
        // Each client has sent back what it received.
        const differing = expected.findIndex((message, at) => !isSame(handler.messages[at], message));
        expect(differing).toBe(-1);
      }
      for (const handler of opened) handler.close(1000, 'done');
      for (const client of clients) expect(await client.closed).toEqual({ code: 1000, reason: 'done' });
      await until(() => opened.every(({ closes }) => closes > 0));
      expect(log.problems).toEqual([]);
    });
    expect(handlers.map(({ closes }) => closes)).toEqual(CLIENTS.map(() => 1));
  });
});
