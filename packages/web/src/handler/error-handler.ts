import { type OptionNames, optionsProblem, shownValue } from '@landspout/ioloop/errors';
import { HTTPError } from '../http-error.ts';
import { RequestHandler } from './request-handler.ts';
import type { RouteUse } from './route.ts';

export interface ErrorHandlerInit {
  /** 400 to 599. */
  readonly status: number;
}

const INIT: OptionNames<ErrorHandlerInit> = { status: true };

/** Refuses every request with one status, whatever its method. It does not wait for a body: no peer can make it hold one. */
export class ErrorHandler extends RequestHandler {
  static override readonly streamRequestBody = true;
  static override routeProblem({ handlerClass, init }: RouteUse): string | undefined {
    if (handlerClass.prototype.initialize !== ErrorHandler.prototype.initialize) return undefined;
    const unknown = optionsProblem(init, INIT);
    if (unknown !== undefined) return unknown;
    const { status = 0 } = init as Partial<ErrorHandlerInit>;
    if (Number.isInteger(status) && status >= 400 && status <= 599) return undefined;
    return `a status of 400 to 599 was expected, not ${shownValue((init as Partial<ErrorHandlerInit>).status)}`;
  }

  #status = 404;

  override initialize(init: ErrorHandlerInit): void {
    this.#status = init.status;
  }

  override prepare(): void {
    throw new HTTPError(this.#status);
  }
}
