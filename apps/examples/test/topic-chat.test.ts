import { websocketConnect } from 'landspout';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { overflow, picture, SCREENS, TestBrowser } from './browser.ts';
import { RestartedProgram } from './restarted-program.ts';

describe('the example topic-chat', () => {
  let browser: TestBrowser;
  let program: RestartedProgram;

  beforeAll(async () => {
    browser = await TestBrowser.start();
  });
  afterAll(() => browser[Symbol.asyncDispose]());
  beforeEach(() => {
    program = new RestartedProgram('topic-chat.js');
  });
  afterEach(async () => {
    // What Chromium reports while the server is away.
    browser.forgive(/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_INCOMPLETE_CHUNKED_ENCODING/);
    const problems = await browser.finish();
    await program[Symbol.asyncDispose]();
    expect(problems).toEqual([]);
  });

  async function say(page: Page, text: string): Promise<void> {
    await page.getByLabel('Message').fill(text);
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByText(text).waitFor();
  }

  const lines = async (page: Page): Promise<string[]> =>
    String(await page.locator('pre').textContent())
      .trimEnd()
      .split('\n')
      .toReversed();

  it('shows each message once in all pages, although the server is killed twice', async () => {
    await program.start();
    const one = await browser.open(program.url, SCREENS[0]);
    const other = await browser.open(program.url, SCREENS[3]);
    await say(one, 'first');
    await say(other, 'second');
    await program.kill();
    await program.start();
    await say(one, 'third');
    await program.kill();
    await program.start();
    await say(other, 'fourth <b>');
    const late = await browser.open(program.url, SCREENS[1]);
    for (const page of [one, other, late]) {
      await page.getByText('fourth <b>').waitFor();
      expect(await lines(page)).toEqual(['first', 'second', 'third', 'fourth <b>']);
      expect(await overflow(page)).toBe(0);
    }
    await picture(late, 'topic-chat', SCREENS[1]);
  });

  it('lets clients of the WebSocket into the room, and nowhere else', async () => {
    await program.start();
    const page = await browser.open(program.url, SCREENS[0]);
    await say(page, 'from the page');
    const socket = await websocketConnect(`${program.url.replace('http', 'ws')}/live`, {
      subprotocols: ['landspout.topics.v1'],
    });
    const exchange = async (frame: object, count: number): Promise<unknown[]> => {
      await socket.writeMessage(JSON.stringify(frame));
      const replies = [];
      while (replies.length < count) replies.push(JSON.parse(String(await socket.readMessage())));
      return replies;
    };
    const [ok, , message] = await exchange({ op: 'sub', topic: 'room', last: 10, id: 1 }, 3);
    expect(ok).toMatchObject({ op: 'ok', id: 1 });
    expect(message).toMatchObject({ op: 'msg', topic: 'room', data: 'from the page' });
    await exchange({ op: 'pub', topic: 'room', data: 'from the socket', id: 2 }, 2);
    await page.getByText('from the socket').waitFor();
    const [refused] = await exchange({ op: 'sub', topic: 'other', id: 3 }, 1);
    expect(refused).toMatchObject({ op: 'err', id: 3 });
    socket.close();
    await socket.waitClosed();
  });
}, 90_000);
