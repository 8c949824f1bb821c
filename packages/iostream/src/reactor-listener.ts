import {
  checked,
  type Descriptor,
  type IOLoop,
  type Reactor,
  type ReadyHandler,
  systemError,
} from '@landspout/ioloop';
import { inheritedError } from './inherited-listener.ts';
import type { Listener, ListenerOptions, ListenTarget } from './listener.ts';
import { targetName } from './net-address.ts';
import { ReactorTransport, toSocketAddress } from './reactor-transport.ts';
import { StreamUsageError } from './stream-errors.ts';
import type { SocketAddress } from './transport.ts';

/** Most connections accepted in one turn, so that a flood of them does not starve those that are there. */
const ACCEPTS_PER_TURN = 128;
/** How long accepting rests when no descriptor is left, instead of spinning on what cannot be accepted. */
const EXHAUSTED_REST_MS = 100;
const READABLE = 0x01;

/**
 * Listens on the reactor.
 *
 * @throws SystemError such as `EADDRINUSE`, with nothing left open; StreamUsageError `ERR_STREAM_USAGE` for what is
 *   no socket that can listen, or is not for this backend.
 */
export function listenReactor(
  loop: IOLoop,
  reactor: Reactor,
  target: ListenTarget,
  options: ListenerOptions,
): Listener {
  const descriptor =
    'fd' in target
      ? takeListener(reactor, target.fd, options.backlog)
      : openListener(reactor, target, options.backlog);
  return new ReactorListener(loop, reactor, descriptor, options);
}

class ReactorListener implements Listener, ReadyHandler {
  readonly address: SocketAddress;
  readonly #loop: IOLoop;
  readonly #reactor: Reactor;
  readonly #descriptor: Descriptor;
  readonly #onConnection: ListenerOptions['onConnection'];
  #open = true;
  #resting: { cancel(): void } | undefined;

  constructor(loop: IOLoop, reactor: Reactor, descriptor: Descriptor, options: ListenerOptions) {
    this.#loop = loop;
    this.#reactor = reactor;
    this.#descriptor = descriptor;
    this.#onConnection = options.onConnection;
    this.address = toSocketAddress(reactor.binding.localAddress(descriptor.slot, descriptor.generation));
    reactor.register(descriptor, READABLE, this);
    reactor.ref();
  }

  ready(): void {
    const { binding, constants } = this.#reactor;
    const { slot, generation } = this.#descriptor;
    for (let accepted = 0; accepted < ACCEPTS_PER_TURN && this.#open; accepted += 1) {
      const connection = binding.accept(slot, generation);
      if (connection >= 0) {
        this.#onConnection(
          new ReactorTransport(this.#loop, this.#reactor, connection, binding.generation(connection)),
        );
      } else if (connection === -constants.EAGAIN) {
        return;
      } else if (this.#isExhausted(connection)) {
        this.#rest(connection);
        return;
      }
      // Anything else befell the connection that was to be accepted, and takes only that one with it.
    }
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#resting?.cancel();
    this.#reactor.forget(this.#descriptor);
    this.#reactor.binding.close(this.#descriptor.slot, this.#descriptor.generation);
    this.#reactor.unref();
  }

  #isExhausted(result: number): boolean {
    const { code } = systemError(result, 'accept');
    return code === 'EMFILE' || code === 'ENFILE' || code === 'ENOBUFS' || code === 'ENOMEM';
  }

  #rest(result: number): void {
    this.#loop.logger.warn(
      { error: systemError(result, 'accept') },
      `accepting rests for ${EXHAUSTED_REST_MS} ms`,
    );
    this.#reactor.unregister(this.#descriptor);
    this.#resting = this.#loop.clock.setTimeout(() => {
      if (this.#open) this.#reactor.register(this.#descriptor, READABLE, this);
    }, EXHAUSTED_REST_MS);
  }
}

/**
 * Takes over an inherited listener. `listen` is called once more: it sets our backlog, and it is the check that this is
 * a stream socket, and no connection.
 */
function takeListener(reactor: Reactor, fd: number, backlog: number): Descriptor {
  const { binding, options } = reactor;
  const slot = binding.own(fd);
  if (slot < 0) throw inheritedError(systemError(slot, 'listen', targetName({ fd })), fd);
  const generation = binding.generation(slot);
  const result = binding.listen(slot, generation, backlog);
  if (result < 0) {
    binding.close(slot, generation);
    throw inheritedError(systemError(result, 'listen', targetName({ fd })), fd);
  }
  // Saves a system call for each connection. A Unix socket has no such option, and needs none.
  binding.setOption(slot, generation, options.NODELAY, 1);
  return { slot, generation };
}

function openListener(
  reactor: Reactor,
  target: Exclude<ListenTarget, { fd: number }>,
  backlog: number,
): Descriptor {
  const { binding, constants, options } = reactor;
  const isUnix = 'path' in target;
  if (!isUnix && target.cluster) {
    throw new StreamUsageError('ERR_STREAM_USAGE', 'listen: cluster is for the portable backend');
  }
  const isV6 = !isUnix && target.address.includes(':');
  const domain = isUnix ? constants.AF_UNIX : isV6 ? constants.AF_INET6 : constants.AF_INET;
  const name = targetName(target);
  const slot = checked(binding.socket(domain, constants.SOCK_STREAM), 'socket');
  const generation = binding.generation(slot);
  try {
    if (isUnix) {
      checked(binding.bindUnix(slot, generation, target.path), 'bind', name);
    } else {
      checked(binding.setOption(slot, generation, options.REUSEADDR, 1), 'setsockopt', name);
      if (target.reusePort)
        checked(binding.setOption(slot, generation, options.REUSEPORT, 1), 'setsockopt', name);
      if (isV6)
        checked(
          binding.setOption(slot, generation, options.V6ONLY, target.v6Only ? 1 : 0),
          'setsockopt',
          name,
        );
      // Accepted connections inherit it, which saves a system call for each.
      checked(binding.setOption(slot, generation, options.NODELAY, 1), 'setsockopt', name);
      checked(binding.bindInet(slot, generation, target.address, target.port), 'bind', name);
    }
    checked(binding.listen(slot, generation, backlog), 'listen', name);
    return { slot, generation };
  } catch (error) {
    binding.close(slot, generation);
    throw error;
  }
}
