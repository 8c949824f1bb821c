import { IOLoop } from '../../loop/io-loop.ts';
import { runInRootContext } from '../../node-async-context.ts';
import { hearQuestions, tellParent } from './task-channel.ts';

/** The child's side of `ProcessSupervisor.ask`: what it answers to which topic. */
export class TaskAnswers {
  readonly #topics = new Map<string, () => unknown>();

  constructor() {
    // Outside of every context: the channel would keep what an answer enters for all that comes later.
    hearQuestions(({ id, topic }) => runInRootContext(() => void this.#answer(id, topic), undefined));
  }

  /** From now on `answer` is called for each question about `topic`. What fails is logged, and no answer. */
  set(topic: string, answer: () => unknown): void {
    // Node keeps messages back while nobody listens to them.
    if (this.#topics.size === 0) process.on('message', () => {});
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
