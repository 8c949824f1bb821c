import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { overflow, picture, SCREENS, TestBrowser } from './browser.ts';
import { RestartedProgram } from './restarted-program.ts';

/** A process that is to be killed cannot complete its answers by then; one that is to complete them is fast. */
const SLOW = { TOKEN_MS: '200' };
const FAST = { TOKEN_MS: '1' };

const words = Array.from({ length: 200 }, (_, index) => `word ${index + 1}`);
const WHOLE = `You ask: Why?\n${words.join(', ')}`;

describe('the example ai-stream', () => {
  let browser: TestBrowser;
  let program: RestartedProgram;

  beforeAll(async () => {
    browser = await TestBrowser.start();
  });
  afterAll(() => browser[Symbol.asyncDispose]());
  beforeEach(() => {
    program = new RestartedProgram('ai-stream.js');
  });
  afterEach(async () => {
    // What Chromium reports while the server is away.
    browser.forgive(/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_INCOMPLETE_CHUNKED_ENCODING/);
    const problems = await browser.finish();
    await program[Symbol.asyncDispose]();
    expect(problems).toEqual([]);
  });

  async function ask(page: Page): Promise<void> {
    await page.getByLabel('Question').fill('Why?');
    await page.getByRole('button', { name: 'Ask' }).click();
    await page.getByText('word 2').waitFor();
  }

  const ended = (page: Page, how: string): Promise<void> =>
    page.locator('output', { hasText: how }).waitFor();
  const text = (page: Page): Promise<string | null> => page.locator('pre').textContent();

  it("completes an answer on the page's own EventSource although the server is killed twice", async () => {
    await program.start(SLOW);
    const page = await browser.open(program.url, SCREENS[0]);
    await ask(page);
    await program.kill();
    await program.start(SLOW);
    await page.getByText('word 4').waitFor();
    await program.kill();
    await program.start(FAST);
    await ended(page, 'finished');
    expect(await text(page)).toBe(WHOLE);
    await picture(page, 'ai-stream', SCREENS[0]);
    expect(await overflow(page)).toBe(0);
  });

  it('shows the whole answer after a reload and in another tab, during and after it', async () => {
    await program.start(SLOW);
    const page = await browser.open(program.url, SCREENS[0]);
    await ask(page);
    await page.reload();
    await page.getByText('word 3').waitFor();
    const other = await page.context().newPage();
    await other.goto(page.url());
    await other.getByText('word 4').waitFor();
    expect(await program.stop()).toBe(0);
    await program.start(FAST);
    for (const tab of [page, other]) {
      await ended(tab, 'finished');
      expect(await text(tab)).toBe(WHOLE);
    }
    await page.reload();
    await ended(page, 'finished');
    expect(await text(page)).toBe(WHOLE);
  });

  it('cancels an answer, and shows it to no other browser', async () => {
    await program.start(SLOW);
    const page = await browser.open(program.url, SCREENS[3]);
    await ask(page);
    await page.getByRole('button', { name: 'Stop' }).click();
    await ended(page, 'cancelled');
    expect(WHOLE.startsWith(String(await text(page)))).toBe(true);
    const id = new URL(page.url()).hash.slice(1);
    const stranger = await fetch(`${program.url}/answers/${id}`, { headers: { Cookie: 'user=stranger' } });
    expect(stranger.status).toBe(404);
  });
}, 90_000);
