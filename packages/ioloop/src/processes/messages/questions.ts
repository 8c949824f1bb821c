import type { Clock } from '../../clock.ts';
import { IOLoop } from '../../loop/io-loop.ts';
import { type ParentWord, type TaskMessage, tellParent } from './task-channel.ts';

/** The outcome of a question. */
export type QuestionResult =
  | { readonly kind: 'answered'; readonly value: unknown }
  /** No child can answer: none was running, or it has ended. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'late' };

/** The child that is asked. */
interface AskedChild {
  /** Returns false if the message could not be sent. */
  send(message: TaskMessage): boolean;
  /** Settles when the child has ended. */
  readonly ended: Promise<unknown>;
}

/** The parent's side of `ProcessSupervisor.ask`: waits for each answer, for a limited time. */
export class OpenQuestions {
  readonly #clock: Pick<Clock, 'setTimeout'>;
  readonly #waiting = new Map<number, (result: QuestionResult) => void>();
  #next = 0;

  /** @param clock - provides the timers that limit the waits. */
  constructor(clock: Pick<Clock, 'setTimeout'>) {
    this.#clock = clock;
  }

  /** @param child - `undefined` if the task has none. */
  ask(child: AskedChild | undefined, topic: string, timeoutMs: number): Promise<QuestionResult> {
    if (child === undefined) return Promise.resolve({ kind: 'absent' });
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
      const isSent = child.send({ landspout: { kind: 'ask', id, topic } });
      if (isSent) void child.ended.then(() => settle({ kind: 'absent' }));
      else settle({ kind: 'absent' });
    });
  }

  answered(id: number, value: unknown): void {
    this.#waiting.get(id)?.({ kind: 'answered', value });
  }
}

/** The child's side of `ProcessSupervisor.ask`: holds one callback for each topic. */
export class TaskAnswers {
  readonly #topics = new Map<string, () => unknown>();

  /**
   * Sets the callback that answers each question about `topic`. If the callback fails, the error is logged and the
   * parent gets no answer.
   */
  set(topic: string, answer: () => unknown): void {
    this.#topics.set(topic, answer);
  }

  /** Answers one question. If there is no answer, sends `undefined`, so that the parent does not have to wait. */
  async asked({ id, topic }: Extract<ParentWord, { kind: 'ask' }>): Promise<void> {
    try {
      tellParent({ kind: 'answer', id, value: await this.#topics.get(topic)?.() });
    } catch (error) {
      IOLoop.current().logger.error(
        { error },
        `the answer callback for the topic ${topic} threw; the parent gets no answer`,
      );
      tellParent({ kind: 'answer', id, value: undefined });
    }
  }
}
