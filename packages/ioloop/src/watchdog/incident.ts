import type { BlockCause, LoopBlock } from './loop-block.ts';
import { describeFrame, describeStack, isInternal } from './stack-frames.ts';
import type { StackOutcome } from './stack-request.ts';

/** One block, from the first late heartbeat to the next one that comes. */
export class Incident {
  /** The last beat before the block. */
  readonly beats: number;
  /** When the next beat was due. */
  readonly dueAtMs: number;
  /** Reports that the limit held back before; `undefined` when it holds this one back. */
  readonly suppressed: number | undefined;
  /** How late the heartbeat was when the stack was asked for. */
  readonly askedAtLateMs: number;
  /** Time since then that is not to be blamed on the program. */
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

  /** How late the heartbeat is or was, if it comes or came at `beatAtMs`. */
  lateMs(beatAtMs: number): number {
    return Math.max(this.askedAtLateMs, beatAtMs - this.dueAtMs - this.lostMs);
  }

  get inNativeCode(): boolean {
    return this.#cause === 'native';
  }

  /** The main thread does not answer. */
  entersNativeCode(): void {
    this.#cause = 'native';
  }

  /** The request for a stack has come to an end. */
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
        if (this.inNativeCode && own === undefined) return; // what called it has returned, too
        if (!this.inNativeCode) this.#cause = 'javascript';
        this.#note = undefined;
        this.#where = own === undefined ? undefined : describeFrame(own);
        this.#stack = describeStack(outcome.frames, outcome.total);
        return;
      }
    }
  }

  report(blockedMs: number, ongoing: boolean): LoopBlock {
    // What is found out later about lost time must not make a block shorter than was said before.
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
    ? 'the stack follows when it returns'
    : 'what called it had returned before the stack could be taken';
}
