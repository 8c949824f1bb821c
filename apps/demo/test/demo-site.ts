import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DemoProcess, startDemo } from './demo-process.ts';

/** A demo that can be stopped and started again, with the same address and the same data. */
export class DemoSite implements AsyncDisposable {
  readonly origin: string;
  readonly #data: string;
  readonly #args: readonly string[];
  #process: DemoProcess;

  private constructor(process: DemoProcess, data: string, args: readonly string[], origin: string) {
    this.#process = process;
    this.#data = data;
    this.#args = args;
    this.origin = origin;
  }

  /** @param args - such as `--processes 3`. */
  static async start(...args: readonly string[]): Promise<DemoSite> {
    const data = mkdtempSync(join(tmpdir(), 'landspout-demo-test-'));
    const process = startDemo(data, { args });
    return new DemoSite(process, data, args, new URL(await process.address()).origin);
  }

  /** The address of the door for WebSockets. @param query - without the question mark. */
  live(query: string): string {
    return `${this.origin.replace('http:', 'ws:')}/live?${query}`;
  }

  get output(): string {
    return this.#process.stdout;
  }

  /** Sends a signal, and waits for nothing. */
  signal(name: NodeJS.Signals): void {
    void this.#process.signal(name);
  }

  /** Ends the process. @returns what it has printed to standard error. */
  async stop(signal: NodeJS.Signals): Promise<string> {
    return (await this.#process.signal(signal)).stderr;
  }

  async startAgain(): Promise<void> {
    this.#process = startDemo(this.#data, { port: new URL(this.origin).port, args: this.#args });
    await this.#process.address();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
    rmSync(this.#data, { recursive: true, force: true });
  }
}
