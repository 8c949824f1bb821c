import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { overflow, picture, SCREENS, TestBrowser } from './browser.ts';
import { ExampleProcess } from './example-process.ts';

describe('the example chat-processes', () => {
  let browser: TestBrowser;
  let program: ExampleProcess;

  beforeAll(async () => {
    browser = await TestBrowser.start();
  });
  afterAll(() => browser[Symbol.asyncDispose]());
  beforeEach(() => {
    program = ExampleProcess.program('chat-processes.js', { COUNT_MS: '50' }, ['0', '2']);
  });
  afterEach(async () => {
    // What Chromium reports when the process of a page is killed, and when the program has stopped.
    browser.forgive(
      /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_EMPTY_RESPONSE/,
    );
    const problems = await browser.finish();
    await program[Symbol.asyncDispose]();
    expect(problems).toEqual([]);
  });

  async function say(page: Page, text: string): Promise<void> {
    await page.getByLabel('Message').fill(text);
    await page.getByRole('button', { name: 'Send' }).click();
    await page.locator('pre').getByText(text).waitFor();
  }

  const lines = async (page: Page): Promise<string[]> => {
    const text = String(await page.locator('pre').textContent()).trimEnd();
    return text.split('\n').toReversed().slice(1);
  };

  const children = (): number[] =>
    [...program.output.matchAll(/process (\d+) is listening/g)].map(([, pid]) => Number(pid));

  it('shows each message once in all pages, although each process is killed', async () => {
    const url = await program.url();
    const one = await browser.open(url, SCREENS[0]);
    const other = await browser.open(url, SCREENS[3]);
    await say(one, 'first');
    await say(other, 'second');
    await program.printed(/(is listening.*){2}/s);
    for (const [index, pid] of children().entries()) {
      process.kill(pid, 'SIGKILL');
      await program.printed(new RegExp(`(is listening.*){${index + 3}}`, 's'));
    }
    await say(one, 'third <b>');
    const late = await browser.open(url, SCREENS[1]);
    for (const page of [one, other, late]) {
      await page.locator('pre').getByText('third <b>').waitFor();
      expect(await lines(page)).toEqual(['first', 'second', 'third <b>']);
      expect(await overflow(page)).toBe(0);
    }
    await picture(late, 'chat-processes', SCREENS[1]);
    expect(await program.stop()).toBe(0);
  });

  it('goes on counting in another process when the one that counts is killed', async () => {
    const url = await program.url();
    await program.printed(/(is listening.*){2}/s);
    const page = await browser.open(url, SCREENS[0]);
    const responding = page.waitForResponse('**/count');
    await page.getByRole('button', { name: 'Count' }).click();
    const { id } = (await (await responding).json()) as { id: string };
    const output = page.locator('output');
    await output.getByText(/^\d+ \(process/).waitFor();
    const [, first] = /process (\d+)/.exec(String(await output.textContent())) ?? [];
    process.kill(Number(first), 'SIGKILL');
    await output.getByText(/^100 /).waitFor();
    const response = await fetch(`${url}/live?run=${id}`, { headers: { Accept: 'text/event-stream' } });
    const records = [...(await response.text()).matchAll(/"(\d+) \(process (\d+)\)"/g)];
    expect(records.map(([, number]) => Number(number))).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    expect(new Set(records.map(([, , pid]) => pid)).size).toBe(2);
    expect(await program.stop()).toBe(0);
  });
}, 90_000);
