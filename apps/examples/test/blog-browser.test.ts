import type { HTTPServer } from 'landspout';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import createBlog from '../blog/app.ts';
import { lightness, overflow, picture, SCREENS, TestBrowser } from './browser.ts';
import { silent, Visitor } from './visitor.ts';

const TEXT = `Everything in this loop is a callback that runs to its end.

The details are at https://www.example.com/a/very/long/path/that/must/not/make/the/page/wider?than=the&screen=is
${'a'.repeat(120)}`;

describe('the blog in Chromium', () => {
  let browser: TestBrowser;
  let server: HTTPServer;

  beforeAll(async () => {
    browser = await TestBrowser.start();
  });
  afterAll(() => browser[Symbol.asyncDispose]());
  beforeEach(async () => {
    const app = await createBlog({ logger: silent });
    server = await app.listen({ port: 0, host: '127.0.0.1' });
  });
  afterEach(async () => {
    const problems = await browser.finish();
    await server.closeAll();
    expect(problems).toEqual([]);
  });

  /** An author who has an entry. */
  async function author(): Promise<Visitor> {
    const visitor = new Visitor(server.url);
    await visitor.fill('/signup', { name: 'Ada', password: 'correct horse' });
    await visitor.fill('/compose', { title: 'How the loop turns <fast>', text: TEXT });
    return visitor;
  }

  it.each(SCREENS)('fits a $name with $colorScheme colours', async (screen) => {
    const visitor = await author();
    await visitor.fill('/compose', { title: 'Timers', text: 'A short one.' });
    const page = await browser.open(`${server.url}/login`, screen);
    expect((await lightness(page)) > 128).toBe(screen.colorScheme === 'light');
    await picture(page, 'blog-login', screen);
    expect(await overflow(page)).toBe(0);
    await browser.useCookies(page, visitor);
    for (const path of ['/', '/archive', '/compose?slug=timers', '/entry/how-the-loop-turns-fast', '/none']) {
      await page.goto(server.url + path).catch(() => {});
      await picture(page, `blog${path.replace(/\W+/g, '-')}`, screen);
      expect(await overflow(page), path).toBe(0);
    }
    browser.forgive(/status of 404/);
  });

  it('logs in and out, and says what is wrong', async () => {
    await author();
    const page = await browser.open(server.url, SCREENS[0]);
    await page.getByRole('link', { name: 'Log in' }).click();
    await logIn(page, 'wrong horse');
    await page.getByText('There is no account with this name and password.').waitFor();
    await logIn(page, 'correct horse');
    await page.getByRole('button', { name: 'Log out Ada' }).click();
    await page.getByText('You are logged out.').waitFor();
    await page.reload();
    expect(await page.getByText('You are logged out.').count()).toBe(0);
  });

  it('publishes an entry, changes it, and keeps its text as it was written', async () => {
    await author();
    const page = await browser.open(`${server.url}/compose`, SCREENS[2]);
    await logIn(page, 'correct horse');
    await page.getByLabel('Title').fill('Second <b>');
    const text = `\n\nindented\n\n${TEXT}`;
    await page.getByLabel('Text').fill(text);
    await page.getByRole('button', { name: 'Publish' }).click();
    await page.getByRole('heading', { level: 1, name: 'Second <b>' }).waitFor();
    const whiteSpace = await page
      .locator('.entry .text p')
      .first()
      .evaluate((element) => {
        // biome-ignore lint/suspicious/noExplicitAny: the types of the DOM are not loaded
        return (globalThis as any).getComputedStyle(element).whiteSpace as string;
      });
    expect(whiteSpace, 'the style sheet of the UI module').toBe('pre-line');
    await page.getByRole('link', { name: 'Edit' }).click();
    expect(await page.getByLabel('Text').inputValue()).toBe(text.trim());
    await page.getByLabel('Title').fill('Second');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('The entry is changed.').waitFor();
    await page.getByRole('link', { name: 'Notes from the loop' }).click();
    await page.getByRole('heading', { level: 2, name: 'Second' }).waitFor();
    expect(await page.locator('.entry h2').allTextContents()).toEqual([
      'Second',
      'How the loop turns <fast>',
    ]);
  });

  async function logIn(page: Page, password: string): Promise<void> {
    await page.getByLabel('Name').fill('Ada');
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Log in' }).click();
  }
}, 90_000);
