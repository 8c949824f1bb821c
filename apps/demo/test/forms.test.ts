import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startChromium } from './chromium.ts';
import { type DemoProcess, startExample } from './demo-process.ts';

/** Records each text of `output` in a global array. */
const RECORD_OUTPUT = `
  globalThis.shown = [];
  new MutationObserver(() => shown.push(document.querySelector('output').textContent))
    .observe(document.querySelector('output'), { childList: true, subtree: true, characterData: true });
`;
const PHONE = { width: 390, height: 844 };

describe('a page with a form, in Chromium', () => {
  let browser: Browser | undefined;
  let context: BrowserContext | undefined;
  let program: DemoProcess | undefined;
  let page: Page;
  let folder: string;
  /** Where upload.ts saves its files. */
  let saved: string;

  afterAll(() => browser?.close());

  beforeEach(async () => {
    // In each test and not once for all, so that without a browser each test fails and says why, instead of being
    // skipped.
    browser ??= await startChromium();
    folder = await mkdtemp(join(tmpdir(), 'landspout-'));
    saved = join(folder, 'saved');
    await mkdir(saved);
    context = await browser.newContext({ viewport: PHONE });
    page = await context.newPage();
  });
  afterEach(async () => {
    await context?.close();
    await program?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
    context = undefined;
    program = undefined;
  });

  /** Starts an example and opens a path of it. @returns its address. */
  async function open(example: string, path = '/'): Promise<string> {
    program = startExample(example, ...(example === 'upload' ? [saved] : []));
    const url = await program.address();
    await page.goto(url + path);
    return url;
  }

  const overflow = () =>
    page.locator('html').evaluate((element) => element.scrollWidth - element.clientWidth);

  describe('of upload.ts', () => {
    it('sends files to the server, and shows the progress and then what was saved [HU-11] [XS-01]', async () => {
      await open('upload');
      await page.evaluate(RECORD_OUTPUT);
      const large = Buffer.alloc(20 * 2 ** 20, 'large');
      // From files: Playwright would take longer to send the bytes to the browser than the browser to upload them.
      const sources = [join(folder, 'größe "1".txt'), join(folder, 'large.bin')] as const;
      await writeFile(sources[0], 'hello');
      await writeFile(sources[1], large);
      await page.getByLabel('Files').setInputFiles(sources);
      await page.getByRole('button', { name: 'Upload' }).click();
      await page.getByText(`größe _1_.txt: 5 bytes, large.bin: ${large.length} bytes`).waitFor();
      const shown: string[] = await page.evaluate('shown');
      expect(shown.filter((text) => /^\d+ %$/.test(text)).at(-1)).toBe('100 %');
      const files = await Promise.all((await readdir(saved)).map((name) => readFile(join(saved, name))));
      files.sort((one, other) => one.length - other.length);
      expect(files[0]?.toString()).toBe('hello');
      expect(files[1]?.equals(large)).toBe(true);
      expect(await overflow()).toBe(0);
    });

    it('shows why the server refuses, and lets the user try again [XS-01]', async () => {
      await open('upload');
      const file = { name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('a') };
      await page.getByLabel('Files').setInputFiles([file]);
      await context?.clearCookies();
      await page.getByRole('button', { name: 'Upload' }).click();
      await page.getByText('Reload the page and try again').waitFor();
      await program?.signal('SIGKILL');
      await page.getByRole('button', { name: 'Upload' }).click();
      await page.getByText('The connection was lost.').waitFor();
      expect(await page.getByRole('button', { name: 'Upload' }).isEnabled()).toBe(true);
    });
  });

  describe('of blog.ts', () => {
    async function enter(password = ' secret '): Promise<void> {
      await page.getByLabel('name').fill('Ada <ada@example.com>');
      await page.getByLabel('password').fill(password);
      await page.getByRole('button', { name: /Log in|Create it/ }).click();
    }

    it('lets its author in on the way to another page, by a password, and out [US-01] [XS-01]', async () => {
      const url = await open('blog', '/compose');
      expect(page.url()).toBe(`${url}/login?next=%2Fcompose`);
      await enter();
      await page.waitForURL(`${url}/compose`);
      await page.getByRole('button', { name: 'Log out' }).click();
      await page.waitForURL(`${url}/`);
      await page.goto(`${url}/compose`);
      await enter('wrong');
      await page.getByText('403: Forbidden').waitFor();
      await page.goto(`${url}/compose`);
      await enter();
      await page.waitForURL(`${url}/compose`);
      expect(
        (await context?.cookies())?.map(({ name, httpOnly, sameSite }) => [name, httpOnly, sameSite]),
      ).toEqual([
        ['_xsrf', false, 'Lax'],
        ['author', true, 'Lax'],
      ]);
      await page.getByLabel('title').fill('A <b>bold</b> "title"');
      await page
        .getByLabel('text')
        .fill(`${'<script>document.title = "";</script>\n'.repeat(3)}${'w'.repeat(500)}`);
      await page.getByRole('button', { name: 'Publish' }).click();
      await page.waitForURL(`${url}/entry/a-b-bold-b-title`);
      expect(await page.locator('h1').textContent()).toBe('A <b>bold</b> "title"');
      expect(await page.locator('article').textContent()).toContain('<script>document.title');
      expect(await page.title()).toBe('A <b>bold</b> "title"');
      expect(await overflow()).toBe(0);
    });

    it('is refused, if its token is not that of the browser [XS-01]', async () => {
      await open('blog', '/login');
      await context?.clearCookies();
      await enter();
      await page.getByRole('heading', { name: '403: Forbidden' }).waitFor();
    });
  });

  describe('the error page', () => {
    it.each(['light', 'dark'] as const)(
      'can be read in a %s scheme and on a phone [OUT-08]',
      async (colorScheme) => {
        await page.emulateMedia({ colorScheme });
        const url = await open('hello', '/no-such-page');
        const brightness = await page.evaluate(
          'Number(getComputedStyle(document.body).color.match(/\\d+/)[0])',
        );
        expect(brightness).toBe(colorScheme === 'light' ? 0 : 255);
        expect(await page.locator('h1').textContent()).toBe('404: Not Found');
        expect(await overflow()).toBe(0);
        expect(await page.title()).toBe('404: Not Found');
        expect(url).toBe(new URL(page.url()).origin);
      },
    );
  });
});
