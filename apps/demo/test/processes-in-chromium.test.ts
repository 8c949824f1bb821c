import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { madeUpText } from '../src/response/made-up-text.ts';
import { join, people, say, texts } from './chat-pages.ts';
import { DESKTOP, setUpScene } from './chromium-scene.ts';
import { CHROMIUM_LIMIT_MS, EVENTUALLY, overflow, picture, SCREENS, useScreen } from './demo-browser.ts';

const PROCESSES = 3;
const QUESTION = 'Is anything lost?';

/** What the footer says of the process. */
async function servedBy(page: Page): Promise<{ task: number; pid: number }> {
  const text = (await page.locator('#served').textContent()) ?? '';
  const [, task, pid] = /of 3 \(task (\d), pid (\d+)\)/.exec(text) ?? [];
  return { task: Number(task), pid: Number(pid) };
}

describe('a demo of three processes in Chromium', { timeout: CHROMIUM_LIMIT_MS }, () => {
  const scene = setUpScene('--processes', `${PROCESSES}`);

  const open = (path = '/') => scene.browser.open(scene.site.origin + path);
  const enterAs = async (name: string) => join(await open(), name);

  async function enterUntilAllServe(): Promise<Page[]> {
    const pages: Page[] = [];
    const tasks = new Set<number>();
    while (tasks.size < PROCESSES) {
      const page = await enterAs(`Visitor ${pages.length}`);
      await page.getByText(/Served by process \d of 3/).waitFor();
      tasks.add((await servedBy(page)).task);
      pages.push(page);
    }
    return pages;
  }

  it('shows which process serves each tab, and lets the tabs of all of them talk', async () => {
    const pages = await enterUntilAllServe();
    for (const [at, page] of pages.entries()) await say(page, `line ${at}`);
    for (const page of pages) {
      await expect.poll(() => texts(page), EVENTUALLY).toHaveLength(pages.length);
      expect(await texts(page)).toEqual(await texts(pages[0] as Page));
      await expect.poll(() => people(page), EVENTUALLY).toHaveLength(pages.length);
    }
    const [page] = pages as [Page];
    await page.getByText('Beneath this page', { exact: true }).click();
    const tabs = page.locator('[data-fact="tabs"]');
    await expect
      .poll(() => tabs.textContent(), EVENTUALLY)
      .toMatch(new RegExp(`^${pages.length}, \\d of them at this`));
    expect(await page.locator('#served').textContent()).toMatch(/backplane: processes, with a journal$/);
  });

  it('brings a tab back whose process it has killed, by another one, while lines are written', async () => {
    const pages = await enterUntilAllServe();
    const [page, other] = pages as [Page, Page];
    const before = await servedBy(page);
    await page.getByText('here now').click();
    await page.getByText('Beneath this page', { exact: true }).click();
    await say(other, 'before');
    await expect.poll(() => texts(page), EVENTUALLY).toEqual(['before']);
    await page.getByRole('button', { name: 'Kill this process' }).click();
    await say(page, 'mine');
    await say(other, 'meanwhile');
    const line = page.locator('#survival');
    await expect
      .poll(() => line.textContent(), EVENTUALLY)
      .toContain('Since then: 2 messages, 0 missed, 0 doubled.');
    const after = await servedBy(page);
    expect(after.pid).not.toBe(before.pid);
    expect(await line.textContent()).toContain(`Process ${before.task + 1} (pid ${before.pid}) was killed.`);
    expect(await line.textContent()).toContain(`came back by process ${after.task + 1} (pid ${after.pid}).`);
    for (const tab of pages) {
      await expect
        .poll(async () => (await texts(tab)).sort(), EVENTUALLY)
        .toEqual(['before', 'meanwhile', 'mine']);
      expect(await tab.getByText('on its way').count()).toBe(0);
    }
    await page.locator('#log .restart').getByText('This tab came back by process').waitFor();
    for (const screen of SCREENS) {
      await useScreen(page, screen);
      await picture(page, 'chat-killed', screen);
      expect(await overflow(page)).toBe(0);
    }
  });

  it('brings all tabs back after Ctrl-C and a new start, without a lost or doubled line', async () => {
    const pages = await enterUntilAllServe();
    const [page] = pages as [Page];
    await say(page, 'before');
    for (const tab of pages) await expect.poll(() => texts(tab), EVENTUALLY).toEqual(['before']);
    const stopped = scene.site.stop('SIGINT');
    await page.locator('#served').getByText('This tab comes back by itself.').waitFor();
    await page
      .locator('#state')
      .getByText(/^Process \d stops/)
      .waitFor();
    await picture(page, 'chat-stopping', DESKTOP);
    expect(await stopped).toBe('');
    expect(scene.site.output).toMatch(/stopping: \d+ connections left, at most 8 s/);
    await say(page, 'meanwhile');
    await scene.site.startAgain();
    for (const tab of pages) {
      await tab.getByText('The server was restarted').waitFor();
      await expect.poll(() => texts(tab), EVENTUALLY).toEqual(['before', 'meanwhile']);
      await tab.getByText(/Served by process \d of 3/).waitFor();
    }
  });

  it('shows a whole response, although the process of its page is killed again and again', async () => {
    const page = await open('/response');
    await page.getByLabel('Your question').fill(QUESTION);
    await page.getByText('in a hurry').click();
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByText('Beneath this page', { exact: true }).click();
    const counted = async () => Number(await page.locator('#words').textContent());
    const line = page.locator('#survival');
    for (const round of [1, 2, 3]) {
      await expect.poll(counted, EVENTUALLY).toBeGreaterThan(round * 20);
      const { pid } = await servedBy(page);
      await page.getByRole('button', { name: 'Kill this process' }).click();
      await expect.poll(() => line.textContent(), EVENTUALLY).toContain(`(pid ${pid}) was killed`);
      if (round === 2) {
        for (const screen of SCREENS) {
          await useScreen(page, screen);
          await page.evaluate('scrollTo(0, 1e6)');
          await picture(page, 'response-killed', screen);
          expect(await overflow(page)).toBe(0);
        }
      }
    }
    await page.getByText('It is finished.').waitFor();
    const marks = await page.locator('.mark').allTextContents();
    for (const mark of marks) expect(mark).toMatch(/^process [123] goes on here$/);
    const text = await page.locator('#text').textContent();
    const words = (text ?? '')
      .replaceAll(/process \d goes on here/g, ' ')
      .split(/\s+/)
      .filter(Boolean);
    expect(words).toEqual(madeUpText(QUESTION).map((word) => word.trim()));
    expect(await line.textContent()).toContain(', 0 missed, 0 doubled.');
    await page.locator('[data-try="kill"].done').waitFor();
  });
});
