/** The handler attributes of an event target, such as `onopen` (HTML §8.1.8.1). */
export class EventHandlers {
  readonly #target: EventTarget;
  readonly #handlers = new Map<
    string,
    { callback: (event: never) => unknown; listener: (event: Event) => unknown }
  >();

  constructor(target: EventTarget) {
    this.#target = target;
  }

  get<E extends Event>(type: string): ((event: E) => unknown) | null {
    return (this.#handlers.get(type)?.callback as ((event: E) => unknown) | undefined) ?? null;
  }

  /** A handler that replaces another one keeps its place among the listeners. What is no function removes it. */
  set(type: string, callback: unknown): void {
    const present = this.#handlers.get(type);
    if (typeof callback !== 'function') {
      if (present === undefined) return;
      this.#target.removeEventListener(type, present.listener);
      this.#handlers.delete(type);
      return;
    }
    const given = callback as (event: never) => unknown;
    if (present !== undefined) {
      present.callback = given;
      return;
    }
    const listener = (event: Event): unknown =>
      this.#handlers.get(type)?.callback.call(this.#target, event as never);
    this.#handlers.set(type, { callback: given, listener });
    this.#target.addEventListener(type, listener);
  }
}
