import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHROMIUM_ARGS, chromiumPath } from '@landspout/tooling-chromium';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileWithTsup } from './compiled-program.ts';
import { withDebugApp } from './debug-application.ts';

const PHONE = { width: 390, height: 844 };

let browser: Browser;
let folder: string;
let compiled: { readonly error: unknown; readonly throwLine: number };
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'landspout-debug-'));
  compiled = await compiledError();
  browser = await chromium.launch({ executablePath: chromiumPath(), args: [...CHROMIUM_ARGS] });
});
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Opens the page of an error; fails if it loads anything, or the browser reports a problem. */
async function showing(
  error: unknown,
  options: {
    readonly colorScheme?: 'light' | 'dark';
    readonly javaScriptEnabled?: boolean;
    readonly query?: string;
  },
  test: (page: Page) => Promise<void>,
): Promise<void> {
  const { query = '', ...context } = options;
  await withDebugApp(error, async ({ url }) => {
    const tab = await browser.newContext({ viewport: PHONE, ...context });
    try {
      const page = await tab.newPage();
      const problems: string[] = [];
      const requests: string[] = [];
      page.on('pageerror', ({ message }) => problems.push(message));
      page.on('dialog', (dialog) => {
        problems.push(dialog.message());
        void dialog.dismiss();
      });
      page.on('console', (message) => {
        // Chromium itself reports the status 500.
        if (message.type() === 'error' && !message.text().includes('500')) problems.push(message.text());
      });
      page.on('request', (request) => requests.push(new URL(request.url()).pathname));
      await page.goto(`${url}/page${query}`);
      await test(page);
      expect(problems).toEqual([]);
      expect(requests.filter((path) => path !== '/favicon.ico')).toEqual(['/page']);
    } finally {
      await tab.close();
    }
  });
}

/** The brightness of a colour such as `rgb(0, 0, 0)`, from 0 to 255. */
function brightness(color: string): number {
  const [red = 0, green = 0, blue = 0] = (color.match(/\d+(?:\.\d+)?/g) ?? []).map(Number);
  return (red + green + blue) / 3;
}

async function compiledError(): Promise<{ readonly error: unknown; readonly throwLine: number }> {
  const { file, throwLine } = await compileWithTsup(folder, false);
  try {
    createRequire(import.meta.url)(file).run();
  } catch (error) {
    return { error, throwLine };
  }
  throw new Error('it did not throw');
}

describe('the error page for developers in Chromium', () => {
  it.each(['light', 'dark'] as const)(
    'is readable on a phone in the %s scheme, without scripts',
    async (colorScheme) => {
      const { error, throwLine } = compiled;
      const wide = new Error(`${'a long message '.repeat(40)}${'x'.repeat(2_000)}`, { cause: error });
      await showing(
        wide,
        { colorScheme, javaScriptEnabled: false, query: `?q=${'y'.repeat(1_000)}` },
        async (page) => {
          await page.getByRole('heading', { name: 'Caused by: Error' }).waitFor();
          const size = {
            wide: await page.evaluate<number>('document.documentElement.scrollWidth'),
            color: await page.evaluate<string>('getComputedStyle(document.querySelector("h1 + pre")).color'),
            marked: await page.locator('section:nth-of-type(2) .at').first().textContent(),
          };
          expect(size.wide).toBeLessThanOrEqual(PHONE.width);
          expect(size.marked?.startsWith(`${throwLine}  throw new Error(`)).toBe(true);
          expect(brightness(size.color) > 127).toBe(colorScheme === 'dark');
          // The excerpt of the first frame is open; that of another opens without a script.
          const caller = page.locator('section:nth-of-type(2) details').nth(1);
          const source = caller.getByText('for (const user of users)');
          expect(await source.isVisible()).toBe(false);
          await caller.locator('summary').click();
          expect(await source.isVisible()).toBe(true);
        },
      );
    },
  );

  it('runs nothing that an error or a request contains [ATT-40]', async () => {
    const attack =
      '</pre></title></style><script>document.title="hacked"</script><img src=/x onerror="document.title=\'hacked\'">' +
      '<svg onload=alert(1)><iframe srcdoc="<script>parent.document.title=1</script>"></iframe><a href="javascript:alert(1)">';
    const error = Object.assign(new Error(attack, { cause: { [attack]: attack } }), {
      name: attack,
      code: attack,
    });
    error.stack = `${attack}: ${attack}\n    at ${attack} (/${attack}:1:1)\n    at ${attack}`;
    await showing(error, { query: `?${encodeURI(attack)}` }, async (page) => {
      expect(await page.title()).toBe('500: Internal Server Error');
      expect(await page.locator('script, img, svg, iframe, a').count()).toBe(0);
      expect(await page.locator('h1').textContent()).toContain(attack.slice(0, 100));
    });
  });
});
