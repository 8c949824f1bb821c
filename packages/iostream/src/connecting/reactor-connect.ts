import type { IOLoop } from '@landspout/ioloop';
import {
  checked,
  type Descriptor,
  onAbort,
  type Reactor,
  type ReadyHandler,
  systemError,
} from '@landspout/ioloop/reactor';
import type { Transport } from '../transport.ts';
import { ReactorTransport } from '../transports/reactor-transport.ts';
import type { ConnectTarget } from './connect-target.ts';

const WRITABLE = 0x04;

/**
 * Connects on the reactor, for the native backend.
 *
 * @throws SystemError such as `ECONNREFUSED`; the reason of `signal` if it aborts. Nothing stays open in either case.
 */
export function connectReactor(
  loop: IOLoop,
  reactor: Reactor,
  target: ConnectTarget,
  signal?: AbortSignal,
): Promise<Transport> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    new PendingConnect(loop, reactor, target, signal, resolve, reject);
  });
}

class PendingConnect implements ReadyHandler {
  readonly #loop: IOLoop;
  readonly #reactor: Reactor;
  readonly #name: string;
  readonly #resolve: (transport: Transport) => void;
  readonly #reject: (error: unknown) => void;
  readonly #descriptor: Descriptor;
  readonly #stopListening: () => void;

  constructor(
    loop: IOLoop,
    reactor: Reactor,
    target: ConnectTarget,
    signal: AbortSignal | undefined,
    resolve: (transport: Transport) => void,
    reject: (error: unknown) => void,
  ) {
    this.#loop = loop;
    this.#reactor = reactor;
    this.#name = nameOf(target);
    this.#resolve = resolve;
    this.#reject = reject;
    const { binding, constants, options } = reactor;
    const domain = domainOf(reactor, target);
    const slot = checked(binding.socket(domain, constants.SOCK_STREAM), 'socket', this.#name);
    const generation = binding.generation(slot);
    this.#descriptor = { slot, generation };
    try {
      if (!('path' in target)) binding.setOption(slot, generation, options.NODELAY, 1);
      if (!('path' in target) && target.localAddress !== undefined) {
        // Set as in libuv, so that simultaneous attempts to several addresses of a host can share the caller's local
        // port.
        if (target.localPort) binding.setOption(slot, generation, options.REUSEADDR, 1);
        checked(
          binding.bindInet(slot, generation, target.localAddress, target.localPort ?? 0),
          'bind',
          target.localAddress,
        );
      }
      const result =
        'path' in target
          ? binding.connectUnix(slot, generation, target.path)
          : binding.connectInet(slot, generation, target.address, target.port);
      // If the connection is established at once, `ready` still reports it, in a later loop iteration.
      if (result !== -constants.EINPROGRESS) checked(result, 'connect', this.#name);
      reactor.register(this.#descriptor, WRITABLE, this);
    } catch (error) {
      binding.close(slot, generation);
      throw error;
    }
    reactor.ref();
    this.#stopListening = onAbort(signal, (reason) => this.#abort(reason));
  }

  ready(): void {
    const { slot, generation } = this.#descriptor;
    const { binding, options } = this.#reactor;
    const error = binding.getOption(slot, generation, options.ERROR);
    if (error !== 0) {
      this.#end();
      binding.close(slot, generation);
      this.#reject(systemError(-Math.abs(error), 'connect', this.#name));
      return;
    }
    this.#reactor.unregister(this.#descriptor);
    const transport = new ReactorTransport(this.#loop, this.#reactor, slot, generation);
    this.#end();
    this.#resolve(transport);
  }

  #end(): void {
    this.#reactor.forget(this.#descriptor);
    this.#reactor.unref();
    this.#stopListening();
  }

  #abort(reason: unknown): void {
    this.#end();
    this.#reactor.binding.close(this.#descriptor.slot, this.#descriptor.generation);
    this.#reject(reason);
  }
}

function domainOf(reactor: Reactor, target: ConnectTarget): number {
  const { constants } = reactor;
  if ('path' in target) return constants.AF_UNIX;
  return target.address.includes(':') ? constants.AF_INET6 : constants.AF_INET;
}

function nameOf(target: ConnectTarget): string {
  if ('path' in target) return target.path;
  return target.address.includes(':')
    ? `[${target.address}]:${target.port}`
    : `${target.address}:${target.port}`;
}
