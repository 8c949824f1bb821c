// How HTML with asynchronous values is written: in order, and with what is ready before each wait.

/** What receives the pieces of a page. `RequestHandler` has methods of these names. */
export interface HtmlSink {
  /** Receives the next piece. */
  write(text: string): void;
  /**
   * Called before the rendering waits for a value, and after every 16 KiB, if anything was written since the last call.
   * Sends what was written. If the result is a promise, the rendering continues when it resolves, and stops if it
   * rejects.
   */
  flush(): void | PromiseLike<void>;
}

export interface RenderOptions {
  /** Stops the rendering, for example because the client has disconnected. */
  readonly signal?: AbortSignal | undefined;
}

/** A part of a page that is known later. */
export interface AsyncPiece {
  /** Whether it cannot be rendered again, because it has an async iterable that was read. */
  readonly isConsumed: boolean;
  /** Writes it. If it fails, it has released what it holds. */
  renderTo(rendering: Rendering): Promise<void>;
  /** Releases what it holds, instead of writing it. Never throws. */
  cancel(): void;
}

export type Piece = string | AsyncPiece;

/** Text, or pieces of which at least one is asynchronous. */
export type Content = string | readonly Piece[];

/** Maximum number of characters that are written without a flush. */
const MAX_UNFLUSHED = 16_384;
/**
 * How many microtasks a value may take without a flush before it. A generator that does not wait for anything outside
 * needs three for each item.
 */
const GRACE_TURNS = 6;

/** One rendering of a page. */
export class Rendering {
  readonly #sink: HtmlSink;
  readonly #signal: AbortSignal | undefined;
  #unflushed = 0;
  /** Rejects the promise that is waited for; undefined while there is none. */
  #stopWaiting: ((reason: unknown) => void) | undefined;

  constructor(sink: HtmlSink, signal: AbortSignal | undefined) {
    this.#sink = sink;
    this.#signal = signal;
  }

  /** Writes a whole page. */
  async run(content: Content): Promise<void> {
    if (this.#signal?.aborted === true) {
      cancelContent(content);
      throw this.#signal.reason;
    }
    const stop = (): void => this.#stopWaiting?.(this.#signal?.reason);
    this.#signal?.addEventListener('abort', stop, { once: true });
    try {
      await this.content(content);
    } finally {
      this.#signal?.removeEventListener('abort', stop);
    }
  }

  /** Writes content. If it fails, the rest of the content is cancelled. */
  async content(content: Content): Promise<void> {
    if (typeof content === 'string') {
      this.write(content);
      return;
    }
    let at = 0;
    try {
      for (; at < content.length; at += 1) {
        const piece = content[at] as Piece;
        if (typeof piece === 'string') this.write(piece);
        else await piece.renderTo(this);
        if (this.#unflushed > MAX_UNFLUSHED) await this.flush();
      }
    } catch (error) {
      cancelContent(content.slice(at));
      throw error;
    }
  }

  write(text: string): void {
    if (text === '') return;
    this.#unflushed += text.length;
    this.#sink.write(text);
  }

  /** Renders content to a text, which is not written yet. What was written before is flushed before each wait. */
  async joined(content: Content): Promise<string> {
    if (typeof content === 'string') return content;
    let text = '';
    const sink: HtmlSink = {
      write(more) {
        text += more;
      },
      flush: () => this.flush(),
    };
    await new Rendering(sink, this.#signal).run(content);
    return text;
  }

  /** Waits for a value, with a flush before if the value takes longer than some microtasks. */
  async wait<T>(value: PromiseLike<T>): Promise<T> {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    const promise = Promise.resolve(value);
    promise.then(settle, settle);
    for (let turn = 0; turn < GRACE_TURNS && !isSettled; turn += 1) await undefined;
    if (!isSettled || this.#unflushed > MAX_UNFLUSHED) await this.flush();
    return await this.#untilAborted(promise);
  }

  async flush(): Promise<void> {
    if (this.#unflushed === 0) return;
    this.#unflushed = 0;
    const flushed = this.#sink.flush();
    if (flushed !== undefined) await this.#untilAborted(Promise.resolve(flushed));
  }

  /** `Promise.race` with the signal would keep a reaction for each wait until the signal aborts. */
  async #untilAborted<T>(promise: Promise<T>): Promise<T> {
    if (this.#signal === undefined) return await promise;
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#stopWaiting = reject;
        promise.then(resolve, reject);
        if (this.#signal?.aborted === true) reject(this.#signal.reason);
      });
    } finally {
      this.#stopWaiting = undefined;
    }
  }
}

/** Releases what the pieces hold, instead of rendering them. */
export function cancelContent(content: Content): void {
  if (typeof content === 'string') return;
  for (const piece of content) if (typeof piece !== 'string') piece.cancel();
}

/** Whether a second rendering of the content would lack something. */
export function isConsumed(content: Content): boolean {
  return (
    typeof content !== 'string' && content.some((piece) => typeof piece !== 'string' && piece.isConsumed)
  );
}
