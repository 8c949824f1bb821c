import { isThenable } from '@landspout/ioloop/reactor';
import { WebUsageError } from '../errors.ts';
import type { Middleware, MiddlewareContext } from '../handler/lifecycle.ts';

/** What a {@link Passage} needs of its request. */
export interface PassageOwner extends MiddlewareContext {
  /** Runs the handler. @returns a promise that never rejects, unless the handler has finished synchronously. */
  enterHandler(): Promise<void> | undefined;
  /** Called with what a middleware threw. Makes an error page of it, and never throws. */
  failed(error: unknown): void;
}

/** One request on its way through a chain of middleware. Creates no promise for middleware that is synchronous. */
export class Passage {
  readonly #owner: PassageOwner;
  readonly #chain: readonly Middleware[];

  constructor(owner: PassageOwner, chain: readonly Middleware[]) {
    this.#owner = owner;
    this.#chain = chain;
  }

  /** Runs the chain and the handler behind it. @returns as `next` of a {@link Middleware}. */
  run(): Promise<void> | undefined {
    return this.#step(0);
  }

  #step(at: number): Promise<void> | undefined {
    const middleware = this.#chain[at];
    if (middleware === undefined) return this.#owner.enterHandler();
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
    // A middleware that does not wait for the rest of the chain is not done before the rest is.
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
