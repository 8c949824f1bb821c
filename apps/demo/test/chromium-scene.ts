import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { DemoBrowser, SCREENS, type Screen } from './demo-browser.ts';
import { DemoSite } from './demo-site.ts';

/** The screen of pictures of which there is only one. */
export const DESKTOP = SCREENS[2] as Screen;

export interface Scene {
  /** One for all tests of the file. Its tabs are closed after each test. */
  readonly browser: DemoBrowser;
  /** A demo of its own for each test. */
  readonly site: DemoSite;
}

/**
 * Sets up a scene for each test of a `describe`, which fails if something goes wrong in a tab.
 *
 * @param args - of the demo, such as `--processes 3`.
 */
export function setUpScene(...args: readonly string[]): Scene {
  let browser: DemoBrowser;
  let site: DemoSite;
  beforeAll(async () => {
    browser = await DemoBrowser.start();
  });
  afterAll(() => browser?.[Symbol.asyncDispose]());
  beforeEach(async () => {
    site = await DemoSite.start(...args);
  });
  afterEach(async () => {
    const problems = await browser.finish();
    await site?.[Symbol.asyncDispose]();
    expect(problems).toEqual([]);
  });
  return {
    get browser() {
      return browser;
    },
    get site() {
      return site;
    },
  };
}
