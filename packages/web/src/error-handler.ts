import { HTTPError } from './http-error.ts';
import { RequestHandler } from './request-handler.ts';

export interface ErrorHandlerInit {
  /** 400 to 599. */
  readonly status: number;
}

/** Refuses every request with one status, whatever its method. It does not wait for a body: no peer can make it hold one. */
export class ErrorHandler extends RequestHandler {
  static override readonly streamRequestBody = true;
  #status = 404;

  override initialize(init: ErrorHandlerInit): void {
    this.#status = init.status;
  }

  override prepare(): void {
    throw new HTTPError(this.#status);
  }
}
