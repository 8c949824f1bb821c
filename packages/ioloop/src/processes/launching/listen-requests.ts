import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { portNumber, portProblem } from '../../checks.ts';
import { SystemError } from '../../errors.ts';
import { type OptionNames, optionsProblem } from '../../option-names.ts';
import { shownValue } from '../../shown-value.ts';
import { ProcessUsageError } from './process-errors.ts';

/** An address and port for every child to listen on. */
export interface ProcessListenOptions {
  /**
   * 0 to 65,535, as a number or as a string of digits such as `process.env.PORT`. 0, the default, selects a free port,
   * which is the same for all children and addresses.
   */
  readonly port?: number | string | undefined;
  /** A numeric address, a name, or `localhost` for both loopback addresses. Default: all interfaces, IPv4 and IPv6. */
  readonly host?: string;
  /**
   * Maximum number of connections that wait in the kernel for each child to accept them, also while the child is being
   * restarted. Default: 511. A server that takes over the listener sets its own backlog.
   */
  readonly backlog?: number;
}

const LISTEN_OPTIONS: OptionNames<ProcessListenOptions> = { port: true, host: true, backlog: true };

/** One of {@link ProcessListenOptions}, with its host name resolved. */
export interface ListenRequest {
  readonly host: string | undefined;
  readonly port: number;
  readonly backlog: number;
  readonly addresses: readonly RequestedAddress[];
}

export interface RequestedAddress {
  readonly address: string;
  /** Set if the caller did not ask for IPv6 explicitly: not every machine or container has it. */
  readonly mayBeMissing: boolean;
}

const DEFAULT_BACKLOG = 511;
/** Maximum number of entries, since each uses descriptors in every child. */
const MAX_LISTENERS = 64;

/**
 * Checks the options of a caller, and resolves the host names.
 *
 * @throws ProcessUsageError `ERR_PROCESS_USAGE` if an entry is invalid, such as the path of a Unix socket; SystemError
 *   if a name does not resolve.
 */
export async function resolveListenRequests(
  wishes: readonly ProcessListenOptions[],
): Promise<readonly ListenRequest[]> {
  if (!Array.isArray(wishes)) {
    throw new ProcessUsageError(
      `listen: an array such as [{ port: 8888 }] was expected, not ${shownValue(wishes)}`,
    );
  }
  for (const wish of wishes) requireWish(wish);
  if (wishes.length > MAX_LISTENERS) {
    throw new ProcessUsageError(
      `listen: at most ${MAX_LISTENERS} entries were expected, not ${wishes.length}`,
    );
  }
  return Promise.all(
    wishes.map(async ({ host, port = 0, backlog = DEFAULT_BACKLOG }) => ({
      host: host === '' ? undefined : host,
      port: portNumber(port) as number, // already checked
      backlog,
      addresses: await resolveAddresses(host),
    })),
  );
}

/** Formats an address for error messages. */
export function addressName(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function requireWish(wish: ProcessListenOptions): void {
  if (typeof wish !== 'object' || wish === null) {
    throw new ProcessUsageError(
      `listen: objects such as { port: 8888 } were expected, not ${shownValue(wish)}`,
    );
  }
  if ('path' in wish) {
    // The kernel distributes connections over the listeners of a port; a path can have only one listener.
    throw new ProcessUsageError(
      'listen: a port was expected, not a path: several processes cannot listen on the same Unix socket',
    );
  }
  const problem = optionsProblem(wish, LISTEN_OPTIONS);
  if (problem !== undefined) throw new ProcessUsageError(`listen: ${problem}`);
  const { port = 0, backlog = DEFAULT_BACKLOG, host = '' } = wish;
  if (portNumber(port) === undefined) throw new ProcessUsageError(`listen: ${portProblem('port', port)}`);
  if (!Number.isInteger(backlog) || backlog < 1 || backlog > 0x7fffffff) {
    throw new ProcessUsageError(`listen: a backlog of at least 1 was expected, not ${shownValue(backlog)}`);
  }
  if (typeof host !== 'string' || host.includes('\0')) {
    throw new ProcessUsageError('listen: a host name or a numeric address was expected');
  }
}

async function resolveAddresses(host: string | undefined): Promise<readonly RequestedAddress[]> {
  if (host === undefined || host === '') return IMPLIED.any;
  if (host === 'localhost') return IMPLIED.loopback;
  if (isIP(host) !== 0) return [{ address: host, mayBeMissing: false }];
  let found: { address: string }[];
  try {
    found = await lookup(host, { all: true });
  } catch (error) {
    throw SystemError.from(error, 'getaddrinfo', host.slice(0, 253));
  }
  return [...new Set(found.map(({ address }) => address))].map((address) => ({
    address,
    mayBeMissing: false,
  }));
}

const IMPLIED = {
  any: [
    { address: '0.0.0.0', mayBeMissing: false },
    { address: '::', mayBeMissing: true },
  ],
  loopback: [
    { address: '127.0.0.1', mayBeMissing: false },
    { address: '::1', mayBeMissing: true },
  ],
} as const satisfies Record<string, readonly RequestedAddress[]>;

/** Binds addresses on one of the backends. */
export interface AddressBinder<Bound> {
  /** @throws SystemError. Nothing stays open then. */
  bind(address: string, port: number): Bound | Promise<Bound>;
  portOf(bound: Bound): number;
  close(bound: Bound): void | Promise<void>;
}

/** Maximum number of attempts to find a port that is free at all addresses. */
const PORT_ATTEMPTS = 10;

/**
 * Binds every address of a request to the same port. If the port is 0, the first address determines it.
 *
 * @throws SystemError such as `EADDRINUSE`. Nothing stays open then.
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

/** Whether a bind failed because the machine does not have the address at all. */
function isMissingAddress(error: unknown): boolean {
  return error instanceof SystemError && (error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT');
}
