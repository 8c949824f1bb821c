/** How often the terminal shows how many connections are left. */
const REFRESH_MS = 200;
const ERASE_LINE = '\r\x1b[2K';

/** Where the countdown is shown. */
export interface CountdownOutput {
  /** Whether a line can be rewritten. */
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

/** What a {@link Countdown} shows. */
export interface CountdownOptions {
  /** Most time of the stop. */
  readonly drainMs: number;
  /** Counts the open connections. If it rejects, the last count stays. */
  readonly count: () => number | Promise<number>;
  readonly output?: CountdownOutput;
}

/** Shows how a stop goes on: in one line that is rewritten on a terminal, and in a line for each change otherwise. */
export class Countdown {
  readonly #options: Required<CountdownOptions>;
  readonly #endsAt: number;
  readonly #timer: NodeJS.Timeout;
  #shown = '';
  #isCounting = false;
  #isOver = false;

  constructor(options: CountdownOptions) {
    this.#options = { output: process.stdout, ...options };
    this.#endsAt = performance.now() + options.drainMs;
    this.#timer = setInterval(() => void this.#refresh(), REFRESH_MS);
    this.#timer.unref();
    void this.#refresh();
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#show('stopped');
    if (this.#options.output.isTTY) this.#options.output.write('\n');
  }

  async #refresh(): Promise<void> {
    if (this.#isCounting) return;
    this.#isCounting = true;
    try {
      const connections = await this.#options.count();
      const seconds = Math.max(0, Math.ceil((this.#endsAt - performance.now()) / 1_000));
      if (this.#isOver) return;
      const left = `${connections} ${connections === 1 ? 'connection' : 'connections'} left`;
      this.#show(`stopping: ${left}, at most ${seconds} s; Ctrl-C again stops at once`);
    } catch {
      // A process did not respond; the next refresh counts again.
    } finally {
      this.#isCounting = false;
    }
  }

  #show(line: string): void {
    if (line === this.#shown) return;
    this.#shown = line;
    const { output } = this.#options;
    output.write(output.isTTY ? ERASE_LINE + line : `${line}\n`);
  }
}
