import { CHROMIUM_ARGS, chromiumPath } from '@landspout/tooling-chromium';
import { type Browser, chromium } from 'playwright-core';

/** Starts the browser. @throws Error if there is none. */
export async function startChromium(): Promise<Browser> {
  return await chromium.launch({ executablePath: chromiumPath(), args: [...CHROMIUM_ARGS] });
}
