import type { Debugger, Session } from 'node:inspector';
import { HEARTBEAT } from './heartbeat.ts';
import { type Frame, type Script, ScriptSourceMap } from './stack-frames.ts';

export type StackOutcome =
  | { readonly kind: 'stack'; readonly frames: readonly Frame[]; readonly total: number }
  /** Another debugger holds the main thread paused. Its pause was not disturbed. */
  | { readonly kind: 'held' }
  | { readonly kind: 'none'; readonly note: string };

/**
 * Requests the JavaScript stack of the main thread once, by means of a debugger session that is opened only for this.
 *
 * The thread responds wherever the engine checks for interrupts: on entry to a function, in each iteration of a loop,
 * and while a regular expression backtracks. In native code it does not respond until that code returns. The thread is
 * paused while the message and the response are exchanged.
 *
 * A pause that is reported before our request was accepted is that of another debugger. Once the request is accepted,
 * the next pause is ours: the interrupt that pauses directly follows the one that accepts, with no JavaScript in
 * between.
 */
export class StackRequest {
  /** The outcome. Never rejects. */
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
   * @param session - a new session that nothing else uses.
   * @param isOver - whether the block has ended; called while the main thread is held.
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
      // Both are sent together, so that one interrupt handles both.
      session.post('Debugger.enable', (error) => this.#failed(error));
      session.post('Debugger.pause', (error) => {
        this.#accepted = error === null;
        this.#failed(error);
      });
    } catch (error) {
      this.#failed(error as Error);
    }
  }

  /** Whether the main thread has responded to any message, which means that it is no longer in native code. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Gives up the request, if the main thread continues to run and has not paused. */
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
    this.#disconnect(); // first, because reading files would keep the main thread waiting
    const frames = this.#originalFrames(callFrames.slice(0, this.#maxFrames));
    this.#finish({ kind: 'stack', frames, total: callFrames.length });
  }

  #originalFrames(callFrames: readonly Debugger.CallFrame[]): Frame[] {
    const maps = new Map<string, ScriptSourceMap>();
    return callFrames.map(({ functionName, location }) => {
      const { scriptId, lineNumber, columnNumber = 0 } = location;
      const script = this.#scripts.get(scriptId); // the frame itself does not contain the URL of its file
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

  /** Ends the debugger session. A pause of another debugger continues. */
  #disconnect(): void {
    try {
      this.#session.disconnect();
    } catch {
      // The session was never connected, or is no longer.
    }
  }
}
