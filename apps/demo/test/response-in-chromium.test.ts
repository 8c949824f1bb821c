import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { madeUpText } from '../src/response/made-up-text.ts';
import { DESKTOP, setUpScene } from './chromium-scene.ts';
import {
  CHROMIUM_LIMIT_MS,
  EVENTUALLY,
  lightness,
  overflow,
  picture,
  SCREENS,
  useScreen,
} from './demo-browser.ts';

const QUESTION = 'Does <b>it</b> go on?';

describe('a response in Chromium', { timeout: CHROMIUM_LIMIT_MS }, () => {
  const scene = setUpScene();

  async function start(speed: 'slowly' | 'in a hurry'): Promise<Page> {
    const page = await scene.browser.open(`${scene.site.origin}/response`);
    await page.getByLabel('Your question').fill(QUESTION);
    await page.getByText(speed).click();
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByRole('heading', { name: QUESTION }).waitFor();
    return page;
  }

  /** The words on the page, without what the page itself says between them. */
  async function words(page: Page): Promise<string[]> {
    const text = await page.locator('#text').textContent();
    return (text ?? '').split('the server was restarted here').join(' ').split(/\s+/).filter(Boolean);
  }

  const all = madeUpText(QUESTION).map((word) => word.trim());
  const counted = async (page: Page) => Number(await page.locator('#words').textContent());
  const isTried = (page: Page, what: string) => page.locator(`[data-try="${what}"].done`).waitFor();

  it('is there again after a reload and in a second tab, and is cancelled in both', async () => {
    const page = await start('slowly');
    await expect.poll(() => counted(page), EVENTUALLY).toBeGreaterThan(2);
    await page.reload();
    await isTried(page, 'reload');
    const [second] = await Promise.all([
      page.context().waitForEvent('page'),
      page.getByRole('link', { name: 'Open a second tab' }).click(),
    ]);
    scene.browser.watch(second, scene.site.origin);
    await isTried(page, 'tab');
    await second.getByText('2 tabs read along').waitFor();
    await expect.poll(() => counted(second), EVENTUALLY).toBeGreaterThan(6);
    await second.getByRole('button', { name: 'Cancel it' }).click();
    for (const tab of [page, second]) {
      await tab.getByText('It was cancelled.', { exact: true }).waitFor();
      await isTried(tab, 'cancel');
    }
    const text = await words(page);
    expect(text).toEqual(all.slice(0, text.length));
    expect(await words(second)).toEqual(text);
    await page.reload();
    await page.getByText('It was cancelled.', { exact: true }).waitFor();
    expect(await words(page)).toEqual(text);
  });

  it.each([
    ['SIGTERM', 'The server stops. This tab comes back by itself.'],
    ['SIGKILL', 'The server does not respond'],
  ] as const)(
    'goes on to its end after the server was stopped by %s and started again: no word is lost or doubled',
    async (signal, notice) => {
      const page = await start('in a hurry');
      await expect.poll(() => counted(page), EVENTUALLY).toBeGreaterThan(20);
      const errors = await scene.site.stop(signal);
      await page.locator('#state').getByText(notice).waitFor();
      await picture(page, `response-waiting-${signal}`, DESKTOP);
      await scene.site.startAgain();
      await page.getByText('It is finished.').waitFor();
      expect(errors).toBe('');
      expect(await words(page)).toEqual(all);
      expect(await counted(page)).toBe(all.length);
      expect(await page.locator('.mark').count()).toBe(1);
      await isTried(page, 'restart');
      await picture(page, `response-restarted-${signal}`, DESKTOP);
      await page.reload();
      await page.getByText('It is finished.').waitFor();
      expect(await words(page)).toEqual(all);
    },
  );

  it('says that a response is no longer kept', async () => {
    const page = await scene.browser.open(`${scene.site.origin}/response`);
    const gone = page.waitForResponse(/id=gone/);
    await page.goto(`${scene.site.origin}/response?id=gone`);
    expect((await gone).status()).toBe(404);
    await page.getByText('no longer kept').waitFor();
    await page.getByRole('button', { name: 'Start' }).waitFor();
  });

  it('fits every screen in both colour schemes, and can be used with the keyboard alone', async () => {
    const page = await scene.browser.open(`${scene.site.origin}/response`);
    const check = async (name: string) => {
      for (const screen of SCREENS) {
        await useScreen(page, screen);
        await picture(page, name, screen);
        expect(await overflow(page)).toBe(0);
        expect((await lightness(page)) > 128).toBe(screen.colorScheme === 'light');
      }
    };
    await check('response-start');
    await page.getByLabel('Your question').focus();
    await page.keyboard.press('Enter');
    await expect.poll(() => counted(page), EVENTUALLY).toBeGreaterThan(12);
    await page.getByText('Beneath this page').press('Enter');
    await expect
      .poll(() => page.locator('[data-fact="transport"]').textContent(), EVENTUALLY)
      .toBe('WebSocket');
    await page.evaluate('scrollTo(0, 0)');
    await check('response');
    await page.evaluate('scrollTo(0, 1e6)');
    await check('response-end');
    await page.getByRole('button', { name: 'Cancel it' }).press('Enter');
    await page.getByText('It was cancelled.', { exact: true }).waitFor();
  });
});
