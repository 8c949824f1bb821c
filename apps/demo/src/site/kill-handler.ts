import { HTTPError, RequestHandler } from 'landspout';
import { tellParent } from './child.ts';
import { isThisMachine } from './demo-options.ts';

/**
 * POST of `{"pid":…}`: has the parent kill one of its children, to show that nothing is lost. Any process may get the
 * request: that which is to be killed, or another one.
 */
export class KillHandler extends RequestHandler {
  #pid: number | undefined;

  override post(): void {
    // The server accepts connections from this machine only; a proxy on it may pass on those of others.
    if (!isThisMachine(this.request.hostName)) throw new HTTPError(403);
    const { pid } = (this.getJsonBody() ?? {}) as { readonly pid?: unknown };
    if (typeof pid !== 'number') throw new HTTPError(400);
    this.#pid = pid;
    this.setStatus(202);
  }

  /** After the response, because it may be this process that is killed. */
  override onFinish(): void {
    if (this.#pid !== undefined) tellParent({ kind: 'kill', pid: this.#pid });
  }
}
