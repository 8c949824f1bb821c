import { IOLoop } from '../io-loop.ts';
import { taskMessageOf } from './task-messages.ts';

/** The child's side of `ProcessSupervisor.ask`: what it answers to which topic. */
export class TaskAnswers {
  readonly #topics = new Map<string, () => unknown>();

  /** From now on `answer` is called for each question about `topic`. What throws is logged, and no answer. */
  set(topic: string, answer: () => unknown): void {
    if (this.#topics.size === 0) process.on('message', this.#heard);
    this.#topics.set(topic, answer);
  }

  readonly #heard = (message: unknown): void => {
    const asked = taskMessageOf(message);
    if (asked?.kind !== 'ask') return;
    tellParent({ kind: 'answer', id: asked.id, value: this.#answer(asked.topic) });
  };

  /** Where there is no answer the parent is told so, and need not wait. */
  #answer(topic: string): unknown {
    try {
      return this.#topics.get(topic)?.();
    } catch (error) {
      IOLoop.current().logger.error({ error }, `answering the parent's question about ${topic} failed`);
      return undefined;
    }
  }
}

/** Nothing is said to a parent that is gone, and none of it is needed then. */
export function tellParent(landspout: object): void {
  if (process.connected) process.send?.({ landspout }, undefined, undefined, () => {});
}
