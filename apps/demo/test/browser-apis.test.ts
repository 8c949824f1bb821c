import { describe, expect, it } from 'vitest';
import { CHROMIUM_LIMIT_MS, DemoBrowser, EVENTUALLY } from './demo-browser.ts';
import { DemoSite } from './demo-site.ts';
import { admit, clientOf } from './visitor.ts';

const LOBBY = 'room:lobby';

/** A page that reads a room by EventSource alone, which reconnects and resumes by itself. */
const BY_EVENT_SOURCE = `(url) => {
  globalThis.received = [];
  globalThis.opened = 0;
  const source = new EventSource(url);
  source.onopen = () => { opened += 1; };
  source.onmessage = ({ data }) => received.push(JSON.parse(data).text);
}`;

/** A page that reads a room by WebSocket alone, and connects again with the last cursor that it knows. */
const BY_WEB_SOCKET = `(url) => {
  globalThis.received = [];
  globalThis.opened = 0;
  let after = 'start';
  const connect = () => {
    const socket = new WebSocket(url, 'landspout.topics.v1');
    socket.onopen = () => socket.send(JSON.stringify({ op: 'sub', topic: 'room:lobby', after, id: 1 }));
    socket.onmessage = ({ data }) => {
      const { op, cursor, data: message } = JSON.parse(data);
      if (op === 'ok') opened += 1;
      if (op === 'msg') received.push(message.text);
      if (op === 'msg' || op === 'gap') after = cursor;
    };
    socket.onclose = () => setTimeout(connect, 100);
  };
  connect();
}`;

describe('what Chromium has for this', { timeout: CHROMIUM_LIMIT_MS }, () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'reads on after the server was stopped by %s and started again: EventSource and WebSocket get each line once',
    async (signal) => {
      await using browser = await DemoBrowser.start();
      await using site = await DemoSite.start();
      const { pass } = await admit(site, 'Reader');
      using writer = clientOf(site, { room: 'lobby', pass }, { transports: ['websocket'] });
      const sent: string[] = [];
      const say = (text: string) => {
        sent.push(text);
        return writer.publish(LOBBY, { text, key: text });
      };
      await say('before');
      const query = new URLSearchParams({ pass, topic: LOBBY, after: 'start' });
      const events = await browser.open(`${site.origin}/response`);
      await events.evaluate(`(${BY_EVENT_SOURCE})('/live?${query}')`);
      const socket = await browser.open(`${site.origin}/response`);
      await socket.evaluate(`(${BY_WEB_SOCKET})('/live?${query}')`);
      const pages = [events, socket];
      for (const page of pages) {
        await expect.poll(() => page.evaluate('received'), EVENTUALLY).toEqual(['before']);
      }
      await site.stop(signal);
      const meanwhile = say('meanwhile');
      await site.startAgain();
      await meanwhile;
      await say('after');
      for (const page of pages) {
        await expect.poll(() => page.evaluate('received'), EVENTUALLY).toHaveLength(sent.length);
        expect(await page.evaluate('received')).toEqual(sent);
        expect(await page.evaluate('opened')).toBeGreaterThan(1);
      }
      expect(await browser.finish()).toEqual([]);
    },
  );
});
