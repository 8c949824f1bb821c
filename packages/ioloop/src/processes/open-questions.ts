/** The parent's side of a question to one child or to many: waits for the answers, and for no longer than is worth it. */
export class OpenQuestions {
  readonly #waiting = new Map<number, (value: unknown) => void>();
  #next = 0;

  /**
   * @param send - sends the question with its number. False when it could not be sent.
   * @param clock - whose timer ends the wait.
   * @returns the answer, or `undefined` when there is none in time.
   */
  ask(
    send: (id: number) => boolean,
    clock: { setTimeout(callback: () => void, delayMs: number): { cancel(): void } },
    timeoutMs: number,
  ): Promise<unknown> {
    const id = this.#next;
    this.#next += 1;
    return new Promise((resolve) => {
      const settle = (value: unknown): void => {
        this.#waiting.delete(id);
        timer.cancel();
        resolve(value);
      };
      const timer = clock.setTimeout(() => settle(undefined), timeoutMs);
      this.#waiting.set(id, settle);
      if (!send(id)) settle(undefined);
    });
  }

  answered(id: number, value: unknown): void {
    this.#waiting.get(id)?.(value);
  }
}
