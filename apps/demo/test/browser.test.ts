import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startChromium } from './chromium.ts';
import { type DemoProcess, startChat } from './demo-process.ts';

describe('the chat page in Chromium', () => {
  let browser: Browser | undefined;
  let context: BrowserContext | undefined;
  let demo: DemoProcess | undefined;
  let url: string;
  let problems: string[] = [];

  afterAll(() => browser?.close());

  beforeEach(async () => {
    // In each test and not once for all, so that without a browser each test fails and says why, instead of being
    // skipped.
    browser ??= await startChromium();
    problems = [];
    demo = startChat();
    url = await demo.address();
    context = await browser.newContext();
  });
  afterEach(async () => {
    await context?.close();
    await demo?.[Symbol.asyncDispose]();
    context = undefined;
    demo = undefined;
    expect(problems).toEqual([]);
  });

  function tabs(): BrowserContext {
    if (context === undefined) throw new Error('the browser has not started');
    return context;
  }

  async function openTab(): Promise<Page> {
    const page = await tabs().newPage();
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
    await page.goto(url);
    return page;
  }

  async function enterAs(name: string): Promise<Page> {
    const page = await openTab();
    await page.getByLabel('Your name').fill(name);
    await page.getByRole('button', { name: 'Join' }).click();
    await page.getByText(`You are ${name}`).waitFor();
    return page;
  }

  async function say(page: Page, text: string): Promise<void> {
    await page.getByLabel('Message', { exact: true }).fill(text);
    await page.keyboard.press('Enter');
  }

  const texts = (page: Page, which = '.message') => page.locator(`${which} .text`).allTextContents();
  const people = (page: Page) => page.locator('#people .person-name').allTextContents();

  it('lets two tabs with names talk to each other', async () => {
    const ada = await enterAs('Ada');
    const bo = await enterAs('Bo');
    await say(ada, 'Hello Bo');
    // The second tab waits for the first, because the room decides the order.
    await expect.poll(() => texts(bo)).toEqual(['Hello Bo']);
    await say(bo, 'Hello Ada');
    await expect.poll(() => texts(ada)).toEqual(['Hello Bo', 'Hello Ada']);
    await expect.poll(() => texts(bo)).toEqual(['Hello Bo', 'Hello Ada']);
    expect(await texts(ada, '.message.own')).toEqual(['Hello Bo']);
    expect(await texts(bo, '.message.own')).toEqual(['Hello Ada']);
    expect(await ada.locator('.message:not(.own) .author').allTextContents()).toEqual(['Bo']);
  });

  it('shows late comers what was said, also after a reload and not twice', async () => {
    const ada = await enterAs('Ada');
    await say(ada, 'first');
    await say(ada, 'second');
    const late = await enterAs('Late');
    await expect.poll(() => texts(late)).toEqual(['first', 'second']);
    await say(late, 'third');
    await expect.poll(() => texts(late)).toEqual(['first', 'second', 'third']);
    await late.reload();
    await late.getByText('You are Late').waitFor();
    await expect.poll(() => texts(late)).toEqual(['first', 'second', 'third']);
    expect(await texts(late, '.message.own')).toEqual(['third']);
  });

  it('lists who is there, and notices a tab that is closed', async () => {
    const ada = await enterAs('Ada');
    const bo = await enterAs('Bo');
    await expect.poll(() => people(ada)).toEqual(['Ada', 'Bo']);
    expect(await people(bo)).toEqual(['Bo', 'Ada']);
    expect(await ada.locator('#count').textContent()).toBe('2');
    await bo.close();
    await expect.poll(() => people(ada)).toEqual(['Ada']);
    await ada.getByText('Bo left').waitFor();
  });

  it('shows markup in names and messages as text', async () => {
    const name = '<b>Eve</b>';
    const text = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
    const eve = await enterAs(name);
    const ada = await enterAs('Ada');
    await say(eve, text);
    await expect.poll(() => texts(ada)).toEqual([text]);
    expect(await people(ada)).toEqual(['Ada', name]);
    expect(await ada.locator('#log :is(img, script, b), #people b').count()).toBe(0);
    expect(await ada.title()).toBe('Landspout chat');
  });

  it('comes back by itself when the connection is lost, and shows what it missed once', async () => {
    const drops: (() => Promise<void>)[] = [];
    let reachable = true;
    const bo = await enterAs('Bo');
    await tabs().routeWebSocket('**/room', (route) => {
      if (!reachable) {
        void route.close({ code: 1001 });
        return;
      }
      const server = route.connectToServer();
      drops.push(async () => {
        await server.close({ code: 1000 });
        await route.close({ code: 1001 });
      });
    });
    const ada = await enterAs('Ada');
    await say(bo, 'before');
    await expect.poll(() => texts(ada)).toEqual(['before']);
    reachable = false;
    for (const drop of drops.splice(0)) await drop();
    await ada.getByText(/Connection lost/).waitFor();
    expect(await ada.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true);
    await bo.getByText('Ada left').waitFor();
    await say(bo, 'meanwhile');
    reachable = true;
    await ada.getByText('You are Ada').waitFor();
    await say(bo, 'after');
    await expect.poll(() => texts(ada)).toEqual(['before', 'meanwhile', 'after']);
    await expect.poll(() => people(ada)).toEqual(['Ada', 'Bo']);
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'keeps what was on the screen when the server restarts after %s, and says so',
    async (signal) => {
      const ada = await enterAs('Ada');
      const bo = await enterAs('Bo');
      const secondAda = await openTab();
      await secondAda.getByLabel('Your name').fill('Ada');
      await secondAda.keyboard.press('Enter');
      await secondAda.getByText('You are Ada 2').waitFor();
      await say(bo, 'before\n'.repeat(150));
      await expect.poll(() => texts(ada)).toHaveLength(1);
      await say(ada, 'mine');
      for (const page of [ada, bo]) await expect.poll(() => texts(page)).toHaveLength(2);
      await ada.getByLabel('Message', { exact: true }).fill('half a tho');
      await bo.locator('#scroller').evaluate((element) => element.scrollTo(0, 0));

      await demo?.signal(signal);
      for (const page of [ada, bo, secondAda]) await page.getByText(/Connection lost/).waitFor();
      demo = startChat({ PORT: new URL(url).port });
      await demo.address();
      for (const page of [ada, bo, secondAda]) await page.getByText('The room was restarted').waitFor();
      expect(await ada.locator('#state').textContent()).toBe('You are Ada');
      expect(await secondAda.locator('#state').textContent()).toBe('You are Ada 2');
      expect(await ada.getByLabel('Message', { exact: true }).inputValue()).toBe('half a tho');
      expect(await bo.locator('#scroller').evaluate((element) => element.scrollTop)).toBe(0);

      await say(bo, 'after');
      const order = '#log > :is(.message, .restart)';
      const kinds = ['message', 'message own', 'restart', 'message'];
      await expect
        .poll(() => ada.locator(order).evaluateAll((entries) => entries.map(({ className }) => className)))
        .toEqual(kinds);
      expect(await texts(ada)).toEqual([expect.stringContaining('before'), 'mine', 'after']);
      await expect.poll(() => people(ada)).toEqual(['Ada', 'Ada 2', 'Bo']);
      expect(await texts(await enterAs('Late'))).toEqual(['after']);
      // The browser logs each attempt that found no server.
      problems = problems.filter((problem) => !/^WebSocket connection to .* failed/.test(problem));
    },
  );

  it('waits longer after each failed attempt, at most 15 s, and not as long as every other page', async () => {
    await tabs().routeWebSocket('**/room', (route) => route.close({ code: 1001 }));
    await tabs().addInitScript(() => {
      const original = setTimeout;
      const delays: number[] = [];
      const quick = (callback: () => void, delayMs = 0) => {
        if (delayMs >= 250) delays.push(delayMs);
        return original(callback, 0);
      };
      Object.assign(globalThis, { setTimeout: quick, delays });
    });
    const page = await openTab();
    await page.getByLabel('Your name').fill('Ada');
    await page.keyboard.press('Enter');
    const waits = () => page.evaluate(() => (globalThis as unknown as { delays: number[] }).delays);
    await expect.poll(async () => (await waits()).length).toBeGreaterThan(8);
    const longest = [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000];
    const shares = (await waits()).slice(0, 8).map((delayMs, at) => delayMs / (longest[at] as number));
    for (const share of shares) expect(share).toSatisfy((one: number) => one >= 0.5 && one <= 1);
    expect(new Set(shares).size).toBeGreaterThan(1);
  });

  it.each([320, 390, 1280])('fits a screen of %i pixels, the entry form included', async (width) => {
    const page = await openTab();
    await page.setViewportSize({ width, height: 640 });
    const pageWidth = () => page.locator('html').evaluate((element) => element.scrollWidth);
    expect(await pageWidth()).toBeLessThanOrEqual(width);
    const name = 'W'.repeat(24);
    await page.getByLabel('Your name').fill(`${name}W`);
    await page.keyboard.press('Enter');
    await page.getByText('A name has 1 to 24 characters.').waitFor();
    expect(await pageWidth()).toBeLessThanOrEqual(width);
    await page.getByLabel('Your name').fill(name);
    await page.keyboard.press('Enter');
    await page.getByText(`You are ${name}`).waitFor();
    const other = await enterAs('W'.repeat(23));
    await say(other, 'a'.repeat(500));
    await say(page, `https://example.com/${'b'.repeat(500)}`);
    await expect.poll(() => texts(page)).toHaveLength(2);
    expect(await pageWidth()).toBeLessThanOrEqual(width);
    const rights = await page
      .locator('.bubble, .bar > *, #composer .field > *')
      .evaluateAll((elements) => elements.map((element) => element.getBoundingClientRect().right));
    expect(Math.max(...rights)).toBeLessThanOrEqual(width);
  });

  it('can be used with the keyboard alone', async () => {
    const page = await openTab();
    const focused = () => page.locator(':focus').getAttribute('id');
    expect(await focused()).toBe('name');
    await page.keyboard.type('Ada');
    await page.keyboard.press('Enter');
    await page.getByText('You are Ada').waitFor();
    expect(await focused()).toBe('text');
    await page.keyboard.type('hello');
    await page.keyboard.press('Enter');
    await expect.poll(() => texts(page)).toEqual(['hello']);
    await page.keyboard.press('Shift+Tab');
    expect(await focused()).toBe('scroller');
    await page.getByRole('button', { name: 'Leave' }).focus();
    await page.keyboard.press('Enter');
    expect(await focused()).toBe('name');
  });

  it('counts new messages instead of moving who reads further up', async () => {
    const ada = await enterAs('Ada');
    const bo = await enterAs('Bo');
    await say(bo, 'long ago\n'.repeat(150));
    await expect.poll(() => texts(ada)).toHaveLength(1);
    await ada.locator('#scroller').evaluate((element) => element.scrollTo(0, 0));
    const jump = ada.getByRole('button', { name: /new message/ });
    await expect.poll(() => ada.locator('#scroller').evaluate((element) => element.scrollTop)).toBe(0);
    await say(bo, 'one');
    await say(bo, 'two');
    await ada.getByRole('button', { name: '2 new messages' }).click();
    await jump.waitFor({ state: 'hidden' });
    await expect
      .poll(() =>
        ada
          .locator('.message')
          .last()
          .evaluate((element) => element.getBoundingClientRect().bottom),
      )
      .toBeLessThan(
        await ada.locator('#composer').evaluate((element) => element.getBoundingClientRect().top),
      );
  });

  it('says what is wrong with a name, and takes a better one', async () => {
    const page = await openTab();
    await page.getByLabel('Your name').fill('a'.repeat(30));
    await page.keyboard.press('Enter');
    await page.getByText('A name has 1 to 24 characters.').waitFor();
    await page.getByLabel('Your name').fill('Ada');
    await page.keyboard.press('Enter');
    await page.getByText('You are Ada').waitFor();
  });
});
