import type { BlockCause, LoopBlock } from './loop-block.ts';
import { describeFrame, describeStack, isInternal } from './stack-frames.ts';
import type { StackOutcome } from './stack-request.ts';

/** One block, from the first late heartbeat to the next beat. */
export class Incident {
  /** The number of the last beat before the block. */
  readonly beats: number;
  /** When the beat after {@link beats} was due. */
  readonly dueAtMs: number;
  /** How many reports the limit suppressed before this one; `undefined` if this one is suppressed. */
  readonly suppressed: number | undefined;
  /** How late the heartbeat was when the stack was requested. */
  readonly askedAtLateMs: number;
  /** Time since the last beat in which the main thread could not run, through no fault of the program. */
  lostMs: number;
  /** Whether its stack was written to standard error. */
  shown = false;
  #cause: BlockCause = 'unknown';
  #saidMs = 0;
  #stack: string | undefined;
  #where: string | undefined;
  #note: string | undefined;

  constructor(found: Pick<Incident, 'beats' | 'dueAtMs' | 'askedAtLateMs' | 'lostMs' | 'suppressed'>) {
    this.beats = found.beats;
    this.dueAtMs = found.dueAtMs;
    this.askedAtLateMs = found.askedAtLateMs;
    this.lostMs = found.lostMs;
    this.suppressed = found.suppressed;
  }

  /** Returns how late the heartbeat is if its next beat is at `beatAtMs`, a time now or in the past. */
  lateMs(beatAtMs: number): number {
    return Math.max(this.askedAtLateMs, beatAtMs - this.dueAtMs - this.lostMs);
  }

  get inNativeCode(): boolean {
    return this.#cause === 'native';
  }

  /** Records that the main thread does not respond, and so must be in native code. */
  entersNativeCode(): void {
    this.#cause = 'native';
  }

  /** Records the outcome of the request for a stack. */
  learn(outcome: StackOutcome): void {
    switch (outcome.kind) {
      case 'held':
        this.#cause = 'debugger';
        this.#note = 'a debugger holds the main thread';
        return;
      case 'none':
        this.#note = outcome.note;
        return;
      case 'stack': {
        const own = outcome.frames.find((frame) => !isInternal(frame));
        if (this.inNativeCode && own === undefined) return; // the function that called native code has returned, too
        if (!this.inNativeCode) this.#cause = 'javascript';
        this.#note = undefined;
        this.#where = own === undefined ? undefined : describeFrame(own);
        this.#stack = describeStack(outcome.frames, outcome.total);
        return;
      }
    }
  }

  report(blockedMs: number, ongoing: boolean): LoopBlock {
    // Lost time that is detected later must not make a block shorter than it was already reported to be.
    this.#saidMs = Math.max(this.#saidMs, Math.round(blockedMs));
    return {
      blockedMs: this.#saidMs,
      cause: this.#cause,
      stack: this.#stack,
      where: this.#where,
      note: this.#note ?? (this.inNativeCode && this.#stack === undefined ? nativeNote(ongoing) : undefined),
      ongoing,
      suppressed: this.suppressed ?? 0,
    };
  }
}

function nativeNote(ongoing: boolean): string {
  return ongoing
    ? 'the stack follows when the native code returns'
    : 'its caller had returned before the stack could be taken';
}
