import { readFileSync } from 'node:fs';
import { HTTPCLIENT_ERRORS, HTTPClientError } from '../../src/index.ts';

const MAX_FINDINGS = 20;
const GROWTH = 2;

/** What the fetches of a soak came to. Keeps one byte for each, so that hours of them do not look like a leak. */
export class Ledger {
  /** How many fetches ended in each way: `response`, `aborted`, or the code of the error. */
  readonly outcomes = new Map<string, number>();
  /** What must not happen. */
  readonly findings: string[] = [];
  started = 0;
  settled = 0;
  /** By number: 1 for a fetch that got its response. */
  #responded = new Uint8Array(1_024);
  readonly #waiting = new Set<{ readonly count: number; readonly resolve: () => void }>();

  /** Returns the number of a new fetch. */
  start(): number {
    this.started += 1;
    return this.started;
  }

  responded(seq: number): void {
    if (seq >= this.#responded.length) {
      const larger = new Uint8Array(this.#responded.length * GROWTH);
      larger.set(this.#responded);
      this.#responded = larger;
    }
    this.#responded[seq] = 1;
    this.#settle('response');
  }

  aborted(): void {
    this.#settle('aborted');
  }

  /** @param expected - codes that are accepted without a phase. */
  failed(what: string, error: unknown, expected: readonly string[] = []): void {
    const code = (error as Partial<HTTPClientError> | null)?.code ?? 'no code';
    this.#settle(code);
    if (expected.includes(code)) return;
    if (!(error instanceof HTTPClientError) || !Object.hasOwn(HTTPCLIENT_ERRORS, code))
      this.find(
        `${what}: not an error of the client: ${error instanceof Error ? error.stack : String(error)}`,
      );
    else if (error.phase === undefined) this.find(`${what}: ${code} without a phase`);
  }

  find(finding: string): void {
    if (this.findings.length < MAX_FINDINGS) this.findings.push(finding);
  }

  /** Resolves after `count` more fetches have settled. */
  settles(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.add({ count: this.settled + count, resolve });
      this.#wake();
    });
  }

  /**
   * Compares with the log of the servers: no request that is not idempotent was begun twice, no other one more often
   * than it is sent, and each with a response was begun.
   *
   * @returns how many were begun twice.
   */
  checkLog(logFile: string): number {
    let repeated = 0;
    const ends = new Uint8Array(this.started + 1);
    const hops = new Uint8Array(this.started + 1);
    const posts = { end: new Uint8Array(this.started + 1), hop: new Uint8Array(this.started + 1) };
    for (const line of readFileSync(logFile, 'latin1').split('\n')) {
      if (line === '') continue;
      const [method, text, kind] = line.split(' ');
      const seq = Number(text);
      const counts = kind === 'hop' ? hops : ends;
      if (!(seq > 0 && seq <= this.started)) this.find(`the server got a request that was not sent: ${line}`);
      else counts[seq] = (counts[seq] ?? 0) + 1;
      if (method === 'POST') posts[kind as 'end' | 'hop'][seq] = 1;
    }
    for (let seq = 1; seq <= this.started; seq += 1) {
      for (const [kind, counts] of [
        ['end', ends],
        ['hop', hops],
      ] as const) {
        if (counts[seq] === 2) repeated += 1;
        const most = posts[kind][seq] === 1 ? 1 : 2;
        if ((counts[seq] ?? 0) > most)
          this.find(`request ${seq} (${kind}) was begun ${counts[seq]} times, not ${most}`);
      }
      if (this.#responded[seq] === 1 && ends[seq] === 0)
        this.find(`request ${seq} got a response of no server`);
    }
    return repeated;
  }

  #settle(outcome: string): void {
    this.settled += 1;
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
    this.#wake();
  }

  #wake(): void {
    for (const waiter of this.#waiting) {
      if (waiter.count > this.settled) continue;
      this.#waiting.delete(waiter);
      waiter.resolve();
    }
  }
}
