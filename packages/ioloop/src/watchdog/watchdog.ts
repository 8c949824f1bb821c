import { type HeartbeatView, hrtimeMs } from './heartbeat.ts';
import { Incident } from './incident.ts';
import type { LoopBlock } from './loop-block.ts';
import { ReportLimit } from './report-limit.ts';
import { SilenceMeter } from './silence-meter.ts';
import type { StackRequest } from './stack-request.ts';
import type { WatchSettings } from './watch-options.ts';

/** Receives the reports of a watchdog. */
export interface WatchdogReporter {
  /** Called once while a block is ongoing; for native code, once more when its stack is known. */
  ongoing(block: LoopBlock): void;
  /** Called after the block has ended. `shown`: {@link ongoing} was called with its stack. */
  ended(block: LoopBlock, shown: boolean): void;
}

/** Minimum time that the main thread has to respond before it is considered to be in native code. */
const ANSWER_MS = 200;
/** If the requested pause has not occurred within this time after the end of the block, the request is given up. */
const ABANDON_MS = 1_000;

/** Checks the heartbeat of the main thread from another thread, and records an incident each time it is late. */
export class Watchdog {
  readonly #heartbeat: HeartbeatView;
  readonly #settings: WatchSettings;
  readonly #reporter: WatchdogReporter;
  readonly #requestStack: (isOver: () => boolean) => StackRequest | undefined;
  readonly #meter: SilenceMeter;
  readonly #limit: ReportLimit;
  #timer: NodeJS.Timeout | undefined;
  #utilization = performance.eventLoopUtilization();
  #incident: Incident | undefined;
  /**
   * The pending request. There is at most one: the pause of a second request would look like that of another debugger.
   */
  #request: StackRequest | undefined;

  /** @param requestStack - returns `undefined` if no debugger is available. */
  constructor(
    heartbeat: HeartbeatView,
    settings: WatchSettings,
    reporter: WatchdogReporter,
    requestStack: (isOver: () => boolean) => StackRequest | undefined,
  ) {
    this.#heartbeat = heartbeat;
    this.#settings = settings;
    this.#reporter = reporter;
    this.#requestStack = requestStack;
    this.#meter = new SilenceMeter(settings.intervalMs);
    this.#limit = new ReportLimit(settings.reportsPerMinute);
  }

  start(): void {
    this.#timer = setInterval(() => this.#look(), this.#settings.intervalMs);
  }

  /** Stops the checks. Resolves when no request for a stack is pending any more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#request?.outcome;
  }

  #look(): void {
    const nowMs = hrtimeMs();
    const { beats, beatAtMs } = this.#heartbeat;
    const lateMs = this.#meter.look({ nowMs, beats, beatAtMs, activeMs: this.#activeMs() });
    const incident = this.#incident;
    if (incident !== undefined) {
      incident.lostMs += this.#meter.lostInLastLookMs;
      if (incident.beats === beats) {
        this.#goOn(incident, lateMs);
        return;
      }
      this.#end(incident);
    }
    if (lateMs < this.#settings.thresholdMs) return;
    const dueAtMs = beatAtMs + this.#settings.intervalMs;
    const { lostMs } = this.#meter;
    const suppressed = this.#limit.take(nowMs);
    this.#begin(new Incident({ beats, dueAtMs, askedAtLateMs: lateMs, lostMs, suppressed }));
  }

  #activeMs(): number {
    const utilization = performance.eventLoopUtilization();
    const { active } = performance.eventLoopUtilization(utilization, this.#utilization);
    this.#utilization = utilization;
    return active;
  }

  #begin(incident: Incident): void {
    this.#incident = incident;
    if (incident.suppressed === undefined) return;
    const isOver = (): boolean => this.#heartbeat.beats !== incident.beats;
    const request = this.#request === undefined ? this.#requestStack(isOver) : undefined;
    if (request === undefined) {
      incident.learn({ kind: 'none', note: 'no debugger was available to take the stack' });
      this.#reporter.ongoing(incident.report(incident.askedAtLateMs, true));
      return;
    }
    this.#request = request;
    void request.outcome.then((outcome) => {
      this.#request = undefined;
      if (this.#incident !== incident) return;
      incident.learn(outcome);
      if (isOver()) return; // the next check reports the end
      incident.shown = outcome.kind === 'stack';
      this.#reporter.ongoing(incident.report(incident.lateMs(hrtimeMs()), true));
    });
  }

  /** Called while the block continues. If the main thread has not responded in time, it must be in native code. */
  #goOn(incident: Incident, lateMs: number): void {
    const request = this.#request;
    if (incident.suppressed === undefined || request === undefined || request.answered) return;
    const answerMs = Math.max(ANSWER_MS, this.#settings.thresholdMs);
    if (incident.inNativeCode || lateMs < incident.askedAtLateMs + answerMs) return;
    incident.entersNativeCode();
    this.#reporter.ongoing(incident.report(lateMs, true));
  }

  #end(incident: Incident): void {
    this.#incident = undefined;
    if (incident.suppressed === undefined) return;
    const request = this.#request;
    if (request !== undefined) {
      incident.learn({ kind: 'none', note: 'the block ended before its stack could be taken' });
      setTimeout(() => request.abandon(), ABANDON_MS);
    }
    const lateMs = this.#heartbeat.lateByMs(incident.beats);
    const beatAtMs = lateMs === undefined ? this.#heartbeat.beatAtMs : incident.dueAtMs + lateMs;
    this.#reporter.ended(incident.report(incident.lateMs(beatAtMs), false), incident.shown);
  }
}
