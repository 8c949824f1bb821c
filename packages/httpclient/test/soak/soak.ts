import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { AsyncHTTPClient, type HTTPClientStats } from '../../src/index.ts';
import type { Identity } from '../fixtures/certificates.ts';
import { openDescriptors } from '../fixtures/servers.ts';
import { chooseCall, type Job, WrongResponse } from './calls.ts';
import { Ledger } from './ledger.ts';
import { type Random, randomOf } from './random.ts';
import { DISTURBANCES, type Disturbance, RestartingServer } from './restarting-server.ts';

export interface SoakPlan {
  readonly seed: number;
  /** Of the servers over TLS. */
  readonly identity: Identity;
  /** Fetches at the same time. */
  readonly concurrency: number;
  /** Asked before each disturbance, with the number of those before; false ends the soak. */
  readonly continues: (disturbances: number) => boolean;
  /** The most fetches that settle between two disturbances. */
  readonly maxBetween: number;
}

export interface SoakReport {
  readonly fetches: number;
  /** How many of them ended in each way: `response`, `aborted`, or a code. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly disturbances: ReadonlyMap<Disturbance, number>;
  /** Requests that the servers got twice, as the client may repeat them. */
  readonly repeated: number;
  /** What must not happen; empty if all is well. */
  readonly findings: readonly string[];
  /** Of the client after it was closed. */
  readonly stats: HTTPClientStats;
}

/** The servers: the program, and whether it serves over TLS. */
const SERVERS = [
  ['orderly-server.mjs', false],
  ['resetting-server.mjs', false],
  ['orderly-server.mjs', true],
  ['resetting-server.mjs', true],
] as const;
const REQUEST_TIMEOUT_MS = 1_500;
const CONNECT_TIMEOUT_MS = 1_000;
/** A fetch that takes longer hangs: this is more than its timeouts together allow, even on a slow machine. */
const HANG_MS = 30_000;
/** How long the client may take to give back its descriptors. */
const PATIENCE_MS = 5_000;
/** In percent, fetches that are aborted after a while. */
const ABORTED = 6;
const MAX_ABORT_MS = 30;
/** After a failed fetch, so that refused connections are not tried as fast as possible. */
const MAX_BACKOFF_MS = 10;
/** Fetches that are in progress when the client is closed. */
const LAST_FETCHES = 12;
/** The errors of a client that is closed are the same for all requests, so they have no phase. */
const CLOSED_CODES = ['ERR_HTTPCLIENT_STOPPED'];

/**
 * Fetches from servers that are disturbed at random, orderly ones and ones that end their connections at random, and
 * checks what became of every fetch.
 */
export class Soak {
  /** A short one: the first processes and connections open descriptors that stay open. */
  static async warmUp(identity: Identity): Promise<void> {
    const continues = (count: number): boolean => count < 1;
    await new Soak({ seed: 1, identity, concurrency: 4, maxBetween: 20, continues }).run();
  }

  readonly ledger = new Ledger();
  readonly disturbances = new Map<Disturbance, number>();
  readonly #plan: SoakPlan;
  readonly #random: Random;
  readonly #client: AsyncHTTPClient;
  readonly #servers: RestartingServer[] = [];
  #isOver = false;

  constructor(plan: SoakPlan) {
    this.#plan = plan;
    this.#random = randomOf(plan.seed);
    // Fewer connections than fetches, so that some wait in the queue.
    const connections = Math.max(1, Math.ceil(plan.concurrency / 3));
    this.#client = new AsyncHTTPClient({
      maxConnections: connections * 3,
      maxConnectionsPerOrigin: connections,
      defaults: {
        requestTimeoutMs: REQUEST_TIMEOUT_MS,
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        tls: { ca: plan.identity.cert },
      },
    });
  }

  /** Runs to the end of the plan. */
  async run(): Promise<SoakReport> {
    const folder = mkdtempSync(join(tmpdir(), 'landspout-soak-'));
    const logFile = join(folder, 'begun.log');
    const descriptors = openDescriptors();
    try {
      for (const [program, isSecure] of SERVERS) {
        const identity = isSecure ? this.#plan.identity : undefined;
        const random = randomOf(this.#random(2 ** 31));
        this.#servers.push(await RestartingServer.start(program, logFile, random, identity));
      }
      const workers = Array.from({ length: this.#plan.concurrency }, () =>
        this.#work(randomOf(this.#random(2 ** 31))),
      );
      await this.#disturb();
      this.#isOver = true;
      await Promise.all(workers);
      this.#checkRest();
      await this.#close();
    } finally {
      await this.#client.close();
      for (const server of this.#servers) await server.stop();
    }
    const end = performance.now() + PATIENCE_MS;
    while (openDescriptors() > descriptors && performance.now() < end) await pause(10);
    if (openDescriptors() > descriptors)
      this.ledger.find(`${openDescriptors()} descriptors are open, not ${descriptors}`);
    const repeated = this.ledger.checkLog(logFile);
    rmSync(folder, { recursive: true });
    return {
      fetches: this.ledger.started,
      outcomes: this.ledger.outcomes,
      disturbances: this.disturbances,
      repeated,
      findings: this.ledger.findings,
      stats: this.#client.stats(),
    };
  }

  /** Disturbs one server after another in one way after another, until the plan ends. */
  async #disturb(): Promise<void> {
    const { continues, maxBetween } = this.#plan;
    const settled = (count: number): Promise<void> => this.ledger.settles(count);
    for (let count = 0; continues(count); count += 1) {
      await settled(this.#random(maxBetween));
      const kind = DISTURBANCES[count % DISTURBANCES.length] as Disturbance;
      const server = this.#servers[this.#random(this.#servers.length)] as RestartingServer;
      await server.disturb(kind, settled);
      this.disturbances.set(kind, (this.disturbances.get(kind) ?? 0) + 1);
    }
    await settled(maxBetween);
  }

  /** Makes one fetch after another. */
  async #work(random: Random): Promise<void> {
    while (!this.#isOver) {
      if (!(await this.#fetch(random))) await pause(random(MAX_BACKOFF_MS));
    }
  }

  /** Makes one fetch. @returns whether it got its response. */
  async #fetch(random: Random, expected: readonly string[] = []): Promise<boolean> {
    const { ledger } = this;
    const seq = ledger.start();
    const controller = random(100) < ABORTED ? new AbortController() : undefined;
    const reason = new Error('aborted by the soak');
    const timer = controller && setTimeout(() => controller.abort(reason), random(MAX_ABORT_MS));
    const call = chooseCall(random);
    const job: Job = {
      client: this.#client,
      seq,
      random,
      urls: this.#servers.map(({ url }) => url),
      signal: controller?.signal,
    };
    const what = `${call.name} ${seq}`;
    let watchdog: NodeJS.Timeout | undefined;
    const hanging = new Promise<never>((_, reject) => {
      watchdog = setTimeout(() => reject(new Error('it does not settle')), HANG_MS);
    });
    try {
      await Promise.race([call(job), hanging]);
      ledger.responded(seq);
      return true;
    } catch (error) {
      if (error === reason) ledger.aborted();
      else ledger.failed(what, error, expected);
      if (error instanceof WrongResponse) ledger.find(`${what}: ${error.message}`);
      return false;
    } finally {
      clearTimeout(timer);
      clearTimeout(watchdog);
    }
  }

  /** All fetches have settled: nothing waits, and no connection is in use. */
  #checkRest(): void {
    const { queued, connections, idle, responses, failures } = this.#client.stats();
    if (queued !== 0 || connections !== idle)
      this.ledger.find(
        `after the last fetch, ${queued} are queued and ${connections - idle} connections in use`,
      );
    if (responses + failures !== this.ledger.started)
      this.ledger.find(`${responses} responses and ${failures} failures of ${this.ledger.started} fetches`);
  }

  /** Closes the client while it is in use. */
  async #close(): Promise<void> {
    const last = Array.from({ length: LAST_FETCHES }, () => this.#fetch(this.#random, CLOSED_CODES));
    await this.ledger.settles(this.#random(LAST_FETCHES));
    await this.#client.close();
    await Promise.all(last);
    const { queued, connections, idle, origins } = this.#client.stats();
    if (queued + connections + idle + origins !== 0)
      this.ledger.find(`after close: ${JSON.stringify(this.#client.stats())}`);
  }
}
