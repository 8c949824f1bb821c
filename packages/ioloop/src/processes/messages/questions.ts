import type { Clock } from '../../clock.ts';

/** What came of a question. */
export type QuestionResult =
  | { readonly kind: 'answered'; readonly value: unknown }
  /** Nobody is there who could answer, or is any more. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'late' };

/** How a question is asked, and for how long its answer is waited for. */
export interface Question {
  /** Sends it with its number. False when it could not be sent. */
  send(id: number): boolean;
  /** Settles when nobody is there any more who could answer. */
  readonly gone: Promise<unknown>;
  readonly timeoutMs: number;
}

/** The parent's side of a question to one child or to many: waits for the answers, and for no longer than is worth it. */
export class OpenQuestions {
  readonly #clock: Pick<Clock, 'setTimeout'>;
  readonly #waiting = new Map<number, (result: QuestionResult) => void>();
  #next = 0;

  /** @param clock - whose timers end the waits. */
  constructor(clock: Pick<Clock, 'setTimeout'>) {
    this.#clock = clock;
  }

  ask({ send, gone, timeoutMs }: Question): Promise<QuestionResult> {
    const id = this.#next;
    this.#next += 1;
    return new Promise((resolve) => {
      const settle = (result: QuestionResult): void => {
        if (!this.#waiting.delete(id)) return;
        timer.cancel();
        resolve(result);
      };
      const timer = this.#clock.setTimeout(() => settle({ kind: 'late' }), timeoutMs);
      this.#waiting.set(id, settle);
      if (send(id)) void gone.then(() => settle({ kind: 'absent' }));
      else settle({ kind: 'absent' });
    });
  }

  answered(id: number, value: unknown): void {
    this.#waiting.get(id)?.({ kind: 'answered', value });
  }
}
