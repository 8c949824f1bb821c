import { CHROMIUM_ARGS, chromiumPath } from '@landspout/tooling-chromium';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

export interface Screen {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly colorScheme: 'light' | 'dark';
}

export const SCREENS: readonly Screen[] = [
  { name: 'phone', width: 360, height: 740, colorScheme: 'light' },
  { name: 'phone', width: 360, height: 740, colorScheme: 'dark' },
  { name: 'desktop', width: 1280, height: 800, colorScheme: 'light' },
  { name: 'desktop', width: 1280, height: 800, colorScheme: 'dark' },
];

/**
 * For the tests with Chromium, whose dozens of steps wait for a browser, its tabs and the demo: processes that share the
 * cores with those of other tests.
 */
export const CHROMIUM_LIMIT_MS = 120_000;

/** For `expect.poll`: longer than a busy machine takes. */
export const EVENTUALLY = { timeout: 20_000 } as const;

/** Chromium with tabs of one visitor's browser, which report what goes wrong in them. */
export class DemoBrowser implements AsyncDisposable {
  /** Errors of scripts and of the console, and requests for other sites. */
  readonly #problems: string[] = [];
  readonly #browser: Browser;
  readonly #context: BrowserContext;

  private constructor(browser: Browser, context: BrowserContext) {
    this.#browser = browser;
    this.#context = context;
  }

  /** @throws Error if there is no Chromium. */
  static async start(): Promise<DemoBrowser> {
    const browser = await chromium.launch({ executablePath: chromiumPath(), args: [...CHROMIUM_ARGS] });
    const context = await browser.newContext();
    // Less than a test has, so that its error names what was waited for.
    context.setDefaultTimeout(EVENTUALLY.timeout);
    return new DemoBrowser(browser, context);
  }

  async open(url: string): Promise<Page> {
    const page = await this.#context.newPage();
    this.watch(page, url);
    await page.goto(url);
    return page;
  }

  /** Collects the problems of a tab that a page has opened. */
  watch(page: Page, url: string): void {
    page.on('pageerror', ({ message }) => this.#problems.push(message));
    page.on('console', (message) => {
      // The browser logs each attempt that finds no server, and each refusal.
      const isExpected =
        /^WebSocket connection to .* failed|ERR_(CONNECTION|INCOMPLETE|EMPTY)|status of 4(04|22)/;
      if (['error', 'warning'].includes(message.type()) && !isExpected.test(message.text())) {
        this.#problems.push(message.text());
      }
    });
    page.on('request', (request) => {
      const { origin } = new URL(request.url());
      if (origin !== new URL(url).origin) this.#problems.push(`${request.url()} is elsewhere`);
    });
  }

  /** Closes all tabs. @returns what went wrong in them. */
  async finish(): Promise<string[]> {
    for (const page of this.#context.pages()) await page.close();
    await this.#context.clearCookies();
    return this.#problems.splice(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}

export async function useScreen(page: Page, { width, height, colorScheme }: Screen): Promise<void> {
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme });
}

/** By how many pixels the page is wider than the screen. */
export function overflow(page: Page): Promise<number> {
  return page.locator('html').evaluate((element) => element.scrollWidth - element.clientWidth);
}

/** The lightness of the background of the page, from 0 to 255. */
export async function lightness(page: Page): Promise<number> {
  const color = await page.locator('body').evaluate((element) => {
    // biome-ignore lint/suspicious/noExplicitAny: the types of the DOM are not loaded
    return (globalThis as any).getComputedStyle(element).backgroundColor as string;
  });
  return Math.max(...(color.match(/\d+/g) ?? []).slice(0, 3).map(Number));
}

/** Saves a picture, if the variable SCREENSHOTS names a folder. */
export async function picture(page: Page, name: string, { name: size, colorScheme }: Screen): Promise<void> {
  const folder = process.env.SCREENSHOTS;
  if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}-${size}-${colorScheme}.png` });
}
