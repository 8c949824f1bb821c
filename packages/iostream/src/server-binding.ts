import { type IOLoop, SystemError } from '@landspout/ioloop';
import { listen } from './listen.ts';
import {
  isMissingAddress,
  type ListenAddress,
  resolveListenAddresses,
  type Sharing,
  toListenTarget,
} from './listen-addresses.ts';
import type { Listener, ListenerOptions } from './listener.ts';
import { StreamUsageError } from './stream-errors.ts';
import {
  claimSocketFile,
  removeSocketFile,
  removeStaleSocket,
  type UnixSocketFile,
} from './unix-socket-file.ts';

export interface ListenOptions {
  /** 0 to 65,535; 0, the default, picks one that is free, the same for every address. */
  readonly port?: number;
  /** A numeric address, a name, or `localhost` for both loopbacks. Default: all interfaces, IPv4 and IPv6. */
  readonly host?: string;
  /** Lets several processes listen on the port, and the system spread connections over them. Default false. */
  readonly reusePort?: boolean;
  /** A Unix socket in place of host and port; NUL first is a Linux abstract name. A stale socket is replaced. */
  readonly path?: string;
  /** Who may connect to `path`. Default 0o600, its owner alone. */
  readonly mode?: number;
  /**
   * Listening sockets that this process has inherited, in place of host and port or path: from `forkProcesses`, from
   * systemd (3 is its first), from any parent. They belong to the server from then on; after a failure, use none of them.
   */
  readonly fd?: number | readonly number[];
  /** Of `forkProcesses` on the portable backend: the listener is one that node:cluster shares. Default false. */
  readonly cluster?: boolean;
}

/** A listener and what has to be removed with it. */
export interface BoundListener {
  readonly listener: Listener;
  close(): Promise<void>;
}

/** How often a free port of one family may turn out to be taken in the other. */
const PORT_ATTEMPTS = 10;
const DEFAULT_SOCKET_MODE = 0o600;

/** Listens on every address of `options.host`, with one port. */
export async function bindAddresses(
  loop: IOLoop,
  options: ListenOptions,
  listenerOptions: ListenerOptions,
): Promise<BoundListener[]> {
  const { port = 0, host, reusePort = false, cluster = false } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new StreamUsageError('ERR_STREAM_USAGE', `listen: a port of 0 to 65535 was expected, not ${port}`);
  }
  const addresses = await resolveListenAddresses(host);
  for (let attempt = 1; ; attempt += 1) {
    try {
      const listeners = await bindEach(loop, addresses, port, { reusePort, cluster }, listenerOptions);
      return listeners.map((listener) => ({ listener, close: () => listener.close() }));
    } catch (error) {
      const isUnlucky =
        port === 0 && addresses.length > 1 && error instanceof SystemError && error.code === 'EADDRINUSE';
      if (!isUnlucky || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function bindEach(
  loop: IOLoop,
  addresses: readonly ListenAddress[],
  port: number,
  sharing: Sharing,
  options: ListenerOptions,
): Promise<Listener[]> {
  const listeners: Listener[] = [];
  let onePort = port;
  try {
    for (const { address, mayBeMissing } of addresses) {
      try {
        const listener = await listen(loop, toListenTarget(address, onePort, sharing), options);
        listeners.push(listener);
        if ('port' in listener.address) onePort = listener.address.port;
      } catch (error) {
        if (!mayBeMissing || !isMissingAddress(error)) throw error;
      }
    }
    return listeners;
  } catch (error) {
    await Promise.all(listeners.map((listener) => listener.close()));
    throw error;
  }
}

/**
 * Listens on inherited sockets.
 *
 * @throws StreamUsageError `ERR_STREAM_USAGE` for what is no such socket. None of them listens here then.
 */
export async function bindInherited(
  loop: IOLoop,
  options: ListenOptions,
  listenerOptions: ListenerOptions,
): Promise<BoundListener[]> {
  const fds = requireDescriptors(options);
  const listeners: Listener[] = [];
  try {
    for (const fd of fds) listeners.push(await listen(loop, { fd }, listenerOptions));
  } catch (error) {
    await Promise.all(listeners.map((listener) => listener.close()));
    throw error;
  }
  return listeners.map((listener) => ({ listener, close: () => listener.close() }));
}

function requireDescriptors(options: ListenOptions): readonly number[] {
  const { fd = [] } = options;
  for (const other of ['port', 'host', 'path', 'mode', 'reusePort', 'cluster'] as const) {
    if (options[other] === undefined) continue;
    throw new StreamUsageError('ERR_STREAM_USAGE', `listen: fd stands in place of ${other}, not beside it`);
  }
  const fds = typeof fd === 'number' ? [fd] : fd;
  const areDescriptors =
    Array.isArray(fds) && fds.every((one) => Number.isInteger(one) && one >= 0 && one < 2 ** 31);
  if (areDescriptors && fds.length > 0 && new Set(fds).size === fds.length) return fds;
  throw new StreamUsageError('ERR_STREAM_USAGE', 'listen: fd was expected to be a descriptor, or several');
}

/** Listens on a Unix socket, in place of a stale one. */
export async function bindUnix(
  loop: IOLoop,
  path: string,
  mode: number | undefined,
  options: ListenerOptions,
): Promise<BoundListener[]> {
  await removeStaleSocket(loop, path);
  const listener = await listen(loop, { path }, options);
  let file: UnixSocketFile | undefined;
  try {
    file = claimSocketFile(path, mode ?? DEFAULT_SOCKET_MODE);
  } catch (error) {
    await listener.close();
    throw SystemError.from(error, 'chmod', path);
  }
  const close = async (): Promise<void> => {
    // The file goes first: once the listener is closed, the name could be somebody else's.
    if (file !== undefined) removeSocketFile(file);
    await listener.close();
  };
  return [{ listener, close }];
}
