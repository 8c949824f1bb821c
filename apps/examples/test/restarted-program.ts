import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ExampleProcess } from './example-process.ts';

/** A built program with a journal, which is started several times on the same port and with the same folder. */
export class RestartedProgram implements AsyncDisposable {
  readonly #script: string;
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'landspout-example-'));
  #process: ExampleProcess | undefined;
  #url = '';

  /** @param script - such as `ai-stream.js`. Its arguments are a port and a folder. */
  constructor(script: string) {
    this.#script = script;
  }

  get url(): string {
    return this.#url;
  }

  /** Starts the program, and waits until it listens. */
  async start(env: Record<string, string> = {}): Promise<void> {
    const port = this.#url === '' ? '0' : new URL(this.#url).port;
    this.#process = ExampleProcess.program(this.#script, env, [port, path.join(this.#folder, 'journal')]);
    this.#url = await this.#process.url();
  }

  /** Kills the program (`kill -9`). */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  /** Stops the program as a service manager does. @returns its exit code or signal. */
  async stop(): Promise<unknown> {
    return await this.#process?.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true });
  }
}
