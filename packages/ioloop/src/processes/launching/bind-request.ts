import { SystemError } from '../../errors.ts';
import type { ListenRequest } from './listen-requests.ts';

/** Binds one address, in whichever way a backend has. */
export interface AddressBinder<Bound> {
  /** @throws SystemError, with nothing left open. */
  bind(address: string, port: number): Bound | Promise<Bound>;
  portOf(bound: Bound): number;
  close(bound: Bound): void | Promise<void>;
}

/** How often a free port of one family may turn out to be taken in the other. */
const PORT_ATTEMPTS = 10;

/**
 * Binds every address of a request to one port; where the system shall choose it, the first address decides.
 *
 * @throws SystemError such as `EADDRINUSE`, with nothing left open.
 */
export async function bindRequest<Bound>(
  request: ListenRequest,
  binder: AddressBinder<Bound>,
): Promise<Bound[]> {
  for (let attempt = 1; ; attempt += 1) {
    const all: Bound[] = [];
    try {
      await bindEach(request, binder, all);
      return all;
    } catch (error) {
      for (const bound of all) await binder.close(bound);
      const isUnlucky =
        request.port === 0 && all.length > 0 && error instanceof SystemError && error.code === 'EADDRINUSE';
      if (!isUnlucky || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function bindEach<Bound>(
  request: ListenRequest,
  binder: AddressBinder<Bound>,
  all: Bound[],
): Promise<void> {
  let { port } = request;
  for (const { address, mayBeMissing } of request.addresses) {
    try {
      const bound = await binder.bind(address, port);
      all.push(bound);
      port = binder.portOf(bound);
    } catch (error) {
      if (!mayBeMissing || !isMissingAddress(error)) throw error;
    }
  }
}

/** Whether a failed bind says that the machine does not have the address at all. */
function isMissingAddress(error: unknown): boolean {
  return error instanceof SystemError && (error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT');
}
