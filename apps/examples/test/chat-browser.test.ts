import type { HTTPServer } from 'landspout';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import createChat from '../chat/app.ts';
import { lightness, overflow, picture, SCREENS, type Screen, TestBrowser } from './browser.ts';
import { silent } from './visitor.ts';

describe('the chat in Chromium', () => {
  let browser: TestBrowser;
  let server: HTTPServer;

  beforeAll(async () => {
    browser = await TestBrowser.start();
  });
  afterAll(() => browser[Symbol.asyncDispose]());
  beforeEach(async () => {
    server = await createChat({ logger: silent }).listen({ port: 0, host: '127.0.0.1' });
  });
  afterEach(async () => {
    const problems = await browser.finish();
    await server.closeAll();
    expect(problems).toEqual([]);
  });

  async function joined(name: string, screen: Screen): Promise<Page> {
    const page = await browser.open(server.url, screen);
    await page.getByLabel('Your name').fill(name);
    if (name === 'Ada') await picture(page, 'chat-join', screen);
    await page.getByRole('button', { name: 'Join' }).click();
    await page.getByText('Connected', { exact: true }).waitFor();
    return page;
  }

  async function say(page: Page, text: string): Promise<void> {
    await page.getByLabel('Message', { exact: true }).fill(text);
    await page.keyboard.press('Enter');
  }

  const texts = (page: Page, which = '.message'): Promise<string[]> =>
    page.locator(`${which} span`).allTextContents();

  it.each(SCREENS)('lets two people talk on a $name with $colorScheme colours', async (screen) => {
    const [ada, bo] = [await joined('Ada', screen), await joined('Bo', screen)];
    expect((await lightness(ada)) > 128).toBe(screen.colorScheme === 'light');
    const markup = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
    await say(ada, 'Hello Bo, look at https://example.com/a/long/path/that/is/shortened');
    await expect.poll(() => texts(bo)).toHaveLength(1);
    await say(bo, markup);
    await say(bo, 'W'.repeat(200));
    for (const page of [ada, bo]) await expect.poll(() => texts(page)).toHaveLength(3);
    expect((await texts(ada))[1]).toBe(markup);
    expect(await ada.title()).toBe('Chat');
    expect(await texts(bo, '.message.own')).toEqual([markup, 'W'.repeat(200)]);
    expect(await texts(ada, '.message.own')).toEqual([expect.stringContaining('Hello Bo')]);
    await picture(ada, 'chat-room', screen);
    expect(await overflow(ada)).toBe(0);

    await ada.reload();
    await ada.getByText('Connected', { exact: true }).waitFor();
    expect(await texts(ada)).toEqual(await texts(bo));
    expect(await texts(ada, '.message.own')).toHaveLength(1);
    await ada.getByRole('button', { name: 'Leave' }).click();
    await ada.getByLabel('Your name').waitFor();
  });

  it('connects again after the connection is lost, and shows what it has missed once', async () => {
    const screen = SCREENS[0];
    const bo = await joined('Bo', screen);
    const ada = await browser.open(server.url, screen);
    let drop: (() => Promise<void>) | undefined;
    let isReachable = true;
    await ada.context().routeWebSocket('**/socket*', (route) => {
      if (!isReachable) return void route.close({ code: 1001 });
      const connection = route.connectToServer();
      drop = async () => {
        await connection.close({ code: 1000 });
        await route.close({ code: 1001 });
      };
    });
    await ada.getByLabel('Your name').fill('Ada');
    await ada.keyboard.press('Enter');
    await ada.getByText('Connected', { exact: true }).waitFor();
    await say(bo, 'before');
    await expect.poll(() => texts(ada)).toEqual(['before']);
    isReachable = false;
    await drop?.();
    await ada.getByText(/Connection lost/).waitFor();
    expect(await ada.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true);
    await say(bo, 'meanwhile');
    await expect.poll(() => texts(bo)).toHaveLength(2);
    isReachable = true;
    await ada.getByText('Connected', { exact: true }).waitFor();
    await say(bo, 'after');
    await expect.poll(() => texts(ada)).toEqual(['before', 'meanwhile', 'after']);
  });
}, 90_000);
