import { CHROMIUM_ARGS, chromiumPath } from '@landspout/tooling-chromium';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import type { Visitor } from './visitor.ts';

/** The screens that the pages are tested on. */
export const SCREENS = [
  { name: 'phone', width: 360, height: 740, colorScheme: 'light' },
  { name: 'phone', width: 360, height: 740, colorScheme: 'dark' },
  { name: 'desktop', width: 1280, height: 800, colorScheme: 'light' },
  { name: 'desktop', width: 1280, height: 800, colorScheme: 'dark' },
] as const;

export type Screen = (typeof SCREENS)[number];

/** A browser whose pages report what goes wrong in them. */
export class TestBrowser implements AsyncDisposable {
  /** Errors of scripts and of the console, failed requests, and requests for other sites. */
  readonly #problems: string[] = [];
  readonly #browser: Browser;

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  /** @throws Error if there is no Chromium. */
  static async start(): Promise<TestBrowser> {
    const browser = await chromium.launch({ executablePath: chromiumPath(), args: [...CHROMIUM_ARGS] });
    return new TestBrowser(browser);
  }

  /** Closes all pages. @returns what went wrong in them. */
  async finish(): Promise<string[]> {
    for (const context of this.#browser.contexts()) await context.close();
    return this.#problems.splice(0);
  }

  /** Gives a page the cookies of a visitor. */
  async useCookies(page: Page, { cookies }: Visitor): Promise<void> {
    const url = new URL(page.url()).origin;
    const pairs = cookies.split('; ').map((pair) => pair.split(/=(.*)/s));
    await page.context().addCookies(pairs.map(([name = '', value = '']) => ({ name, value, url })));
  }

  /** Removes what is expected from the problems. */
  forgive(pattern: RegExp): void {
    const others = this.#problems.filter((problem) => !pattern.test(problem));
    this.#problems.splice(0, this.#problems.length, ...others);
  }

  /** Opens a page with cookies of its own. */
  async open(url: string, { width, height, colorScheme }: Screen): Promise<Page> {
    const context: BrowserContext = await this.#browser.newContext({
      viewport: { width, height },
      colorScheme,
    });
    const page = await context.newPage();
    page.on('pageerror', ({ message }) => this.#problems.push(message));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.#problems.push(message.text());
    });
    page.on('requestfailed', (request) => {
      // A page that is left aborts the requests that it still has.
      const reason = request.failure()?.errorText;
      if (reason !== 'net::ERR_ABORTED') this.#problems.push(`${request.url()} failed: ${reason}`);
    });
    page.on('request', (request) => {
      if (new URL(request.url()).origin !== new URL(url).origin)
        this.#problems.push(`${request.url()} is elsewhere`);
    });
    await page.goto(url);
    return page;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
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
