import type { Clock } from '../../clock.ts';
import { IOLoop } from '../../loop/io-loop.ts';
import { runInRootContext } from '../../node-async-context.ts';
import { hearQuestions, openMessages, tellParent } from './task-channel.ts';

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

/** The child's side of `ProcessSupervisor.ask`: what it answers to which topic. */
export class TaskAnswers {
  readonly #topics = new Map<string, () => unknown>();

  constructor() {
    // Outside of every context: the channel would keep what an answer enters for all that comes later.
    hearQuestions(({ id, topic }) => runInRootContext(() => void this.#answer(id, topic), undefined));
  }

  /** From now on `answer` is called for each question about `topic`. What fails is logged, and no answer. */
  set(topic: string, answer: () => unknown): void {
    if (this.#topics.size === 0) openMessages();
    this.#topics.set(topic, answer);
  }

  /** Where there is no answer the parent is told so, and need not wait. */
  async #answer(id: number, topic: string): Promise<void> {
    try {
      tellParent({ kind: 'answer', id, value: await this.#topics.get(topic)?.() });
    } catch (error) {
      IOLoop.current().logger.error({ error }, `answering the parent's question about ${topic} failed`);
      tellParent({ kind: 'answer', id, value: undefined });
    }
  }
}
