import type { Debugger, Session } from 'node:inspector';
import { HEARTBEAT } from './heartbeat.ts';
import { type Frame, type Script, ScriptSourceMap } from './stack-frames.ts';

export type StackOutcome =
  | { readonly kind: 'stack'; readonly frames: readonly Frame[]; readonly total: number }
  /** Another debugger holds the main thread. Its pause was left alone. */
  | { readonly kind: 'held' }
  | { readonly kind: 'none'; readonly note: string };

/**
 * Asks the main thread once for its JavaScript stack, by way of a debugger that is there for this only.
 *
 * The thread answers wherever the engine looks for interrupts: at the entry of a function, in each round of a loop
 * and while a regular expression backtracks, but not in native code. Then the answer comes when it returns. The
 * thread is held for as long as the message and its answer take.
 *
 * Whose pause it is: one that is there before ours was accepted belongs to another debugger. Behind ours no other can
 * come first, for the interrupt that pauses follows the one that accepts, with no JavaScript between them.
 */
export class StackRequest {
  /** What came of it. Never rejects. */
  readonly outcome: Promise<StackOutcome>;
  readonly #session: Session;
  readonly #maxFrames: number;
  readonly #isOver: () => boolean;
  readonly #scripts = new Map<string, Script>();
  #settle: (outcome: StackOutcome) => void = () => {};
  #answered = false;
  #accepted = false;
  #settled = false;

  /**
   * @param session - new, and of this request alone.
   * @param isOver - whether the block has ended; asked while the main thread is held.
   */
  constructor(session: Session, maxFrames: number, isOver: () => boolean) {
    this.#session = session;
    this.#maxFrames = maxFrames;
    this.#isOver = isOver;
    this.outcome = new Promise((resolve) => {
      this.#settle = resolve;
    });
    session.on('inspectorNotification', () => {
      this.#answered = true;
    });
    session.on('Debugger.scriptParsed', ({ params: { scriptId, url, sourceMapURL } }) => {
      this.#scripts.set(scriptId, { url, sourceMapURL });
    });
    session.on('Debugger.paused', ({ params }) => this.#paused(params.callFrames));
    try {
      session.connectToMainThread();
      // Sent at once, so that one interrupt serves both.
      session.post('Debugger.enable', (error) => this.#failed(error));
      session.post('Debugger.pause', (error) => {
        this.#accepted = error === null;
        this.#failed(error);
      });
    } catch (error) {
      this.#failed(error as Error);
    }
  }

  /** Whether the main thread has answered anything, and so has been outside of native code since. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Gives the request up; for when the main thread goes on, and no pause has come. */
  abandon(): void {
    this.#finish({ kind: 'none', note: 'the block ended before its stack could be taken' });
  }

  #paused(callFrames: readonly Debugger.CallFrame[]): void {
    if (this.#settled) return;
    if (!this.#accepted) {
      this.#finish({ kind: 'held' });
      return;
    }
    const over = this.#isOver() || callFrames[0]?.functionName === HEARTBEAT;
    this.#session.post('Debugger.resume');
    if (over) {
      this.abandon();
      return;
    }
    this.#disconnect(); // before anything is read from a disk: the main thread has waited long enough
    const frames = this.#originalFrames(callFrames.slice(0, this.#maxFrames));
    this.#finish({ kind: 'stack', frames, total: callFrames.length });
  }

  #originalFrames(callFrames: readonly Debugger.CallFrame[]): Frame[] {
    const maps = new Map<string, ScriptSourceMap>();
    return callFrames.map(({ functionName, location }) => {
      const { scriptId, lineNumber, columnNumber = 0 } = location;
      const script = this.#scripts.get(scriptId); // the frame itself does not name its file
      const frame = { functionName, url: script?.url ?? '', line: lineNumber + 1, column: columnNumber + 1 };
      if (!script?.sourceMapURL) return frame;
      let map = maps.get(scriptId);
      if (map === undefined) {
        map = new ScriptSourceMap(script);
        maps.set(scriptId, map);
      }
      return map.original(frame);
    });
  }

  #failed(error: Error | null): void {
    this.#answered = true;
    if (error !== null) this.#finish({ kind: 'none', note: `no stack could be taken: ${error.message}` });
  }

  #finish(outcome: StackOutcome): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#disconnect();
    this.#scripts.clear();
    this.#settle(outcome);
  }

  /** Ends the debugger. What another debugger has paused stays paused. */
  #disconnect(): void {
    try {
      this.#session.disconnect();
    } catch {
      // It was never connected, or is no longer.
    }
  }
}
