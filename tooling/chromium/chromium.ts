// Chromium for tests: where it is, how it is started, and a browser that shows one page.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Headless, and without anything that uses the network or the machine besides the page. */
export const CHROMIUM_ARGS: readonly string[] = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Returns the path of the browser. @throws Error if there is none. */
export function chromiumPath(): string {
  const path = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
  if (!existsSync(path)) {
    throw new Error(`there is no Chromium at ${path}: apt-get install chromium, or set CHROMIUM_PATH`);
  }
  return path;
}

/** A browser with a profile of its own that shows one page until it is disposed of. */
export class ChromiumPage implements AsyncDisposable {
  /** Rejects if the browser ends by itself; never resolves. */
  readonly ended: Promise<never>;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #profile: string;

  /** Starts it. @throws Error if there is none. */
  constructor(url: string) {
    const path = chromiumPath();
    this.#profile = mkdtempSync(join(tmpdir(), 'landspout-chromium-'));
    this.#child = spawn(path, [...CHROMIUM_ARGS, `--user-data-dir=${this.#profile}`, url], {
      // A process group of its own, so that all processes of the browser end with it.
      detached: true,
      stdio: 'ignore',
    });
    this.#exited = new Promise((resolve) => this.#child.once('exit', resolve).once('error', resolve));
    this.ended = this.#exited.then(() =>
      Promise.reject(new Error('Chromium ended before the page had finished')),
    );
    // If a test waits for the page, it gets the rejection; while this is disposed of, no test waits.
    this.ended.catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL');
    await this.#exited;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
