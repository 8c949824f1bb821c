import { isThenable } from '@landspout/ioloop/reactor';
import { WebUsageError } from '../errors.ts';
import type { Middleware, MiddlewareContext } from '../handler/lifecycle.ts';

/** What a {@link Passage} needs from its request. */
export interface PassageOwner extends MiddlewareContext {
  /** Whether the response is complete and the handler has returned. */
  readonly isDone: boolean;
  /** Runs the handler. Called when the last middleware has called `next`. */
  enterHandler(): void;
  /** Called with what a middleware threw. Responds with an error page, and never throws. */
  failed(error: unknown): void;
  /** Called once, when all middleware has returned. */
  passageOver(): void;
}

/**
 * Runs a chain of middleware, and then the handler, for one request. Creates no promise as long as middleware and
 * handler are synchronous.
 */
export class Passage {
  readonly #owner: PassageOwner;
  readonly #chain: readonly Middleware[];
  /** Whether the last middleware has called `next`. */
  #hasEntered = false;
  #isOver = false;
  #wantsBody = false;
  /** Resolves the promise of {@link bodyWanted}. */
  #takeBody: (() => void) | undefined = undefined;
  /** Resolves the promise that the last middleware got from `next`. */
  #leaveHandler: (() => void) | undefined = undefined;

  constructor(owner: PassageOwner, chain: readonly Middleware[]) {
    this.#owner = owner;
    this.#chain = chain;
  }

  get hasEntered(): boolean {
    return this.#hasEntered;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Runs the chain and then the handler. @returns like `next` of a {@link Middleware}. */
  run(): Promise<void> | undefined {
    const passing = this.#step(0);
    if (passing === undefined) this.#end();
    else void passing.then(() => this.#end());
    return passing;
  }

  /** @returns a promise that resolves when {@link takeBody} is called; undefined if it was called already. */
  bodyWanted(): Promise<void> | undefined {
    if (this.#wantsBody) return undefined;
    return new Promise((resolve) => {
      this.#takeBody = resolve;
    });
  }

  /** Lets the connection read the body, which is not read before the handler needs it. */
  takeBody(): void {
    this.#wantsBody = true;
    this.#takeBody?.();
  }

  /** Called when the response and the handler may be complete: if both are, the promise of the last `next` resolves. */
  leaveHandler(): void {
    if (this.#leaveHandler === undefined || !this.#owner.isDone) return;
    this.#leaveHandler();
    this.#leaveHandler = undefined;
  }

  #end(): void {
    this.#isOver = true;
    this.takeBody();
    this.#owner.passageOver();
  }

  #enterHandler(): Promise<void> | undefined {
    this.#hasEntered = true;
    this.#owner.enterHandler();
    if (this.#owner.isDone) return undefined;
    return new Promise((resolve) => {
      this.#leaveHandler = resolve;
    });
  }

  #step(at: number): Promise<void> | undefined {
    const middleware = this.#chain[at];
    if (middleware === undefined) return this.#enterHandler();
    let rest: { readonly promise: Promise<void> | undefined } | undefined;
    const next = (): Promise<void> | undefined => {
      if (rest !== undefined) throw usage(`${nameOf(middleware)}: next was called twice`);
      rest = { promise: undefined };
      const promise = this.#step(at + 1);
      rest = { promise };
      return promise;
    };
    try {
      const result = middleware(this.#owner, next);
      if (isThenable(result)) return this.#settle(result, middleware, () => rest);
      if (rest === undefined) this.#requireResponse(middleware);
    } catch (error) {
      this.#owner.failed(error);
    }
    // A middleware that does not await `next` is complete only when the rest of the chain is complete.
    return rest?.promise;
  }

  async #settle(
    result: PromiseLike<unknown>,
    middleware: Middleware,
    restOf: () => { readonly promise: Promise<void> | undefined } | undefined,
  ): Promise<void> {
    try {
      await result;
      if (restOf() === undefined) this.#requireResponse(middleware);
    } catch (error) {
      this.#owner.failed(error);
    }
    await restOf()?.promise;
  }

  #requireResponse(middleware: Middleware): void {
    const { response } = this.#owner;
    if (response.ended || response.gone !== undefined) return;
    const problem = 'it must call next, or complete the response with response.finish';
    throw usage(`${nameOf(middleware)} returned without either: ${problem}`);
  }
}

function nameOf({ name }: Middleware): string {
  return name === '' ? 'a middleware without a name' : `the middleware ${name}`;
}

function usage(problem: string): WebUsageError {
  return new WebUsageError('ERR_WEB_USAGE', problem);
}
