import type { IOLoop } from '@landspout/ioloop';
import {
  checked,
  type Descriptor,
  type Reactor,
  type ReadyHandler,
  systemError,
} from '@landspout/ioloop/reactor';
import { targetName } from '../addresses/net-address.ts';
import { ReactorTransport } from '../transports/reactor-transport.ts';
import { closeDescriptor, WRITABLE } from '../transports/registration.ts';
import type { ConnectAttempt, ConnectObserver } from './connect-attempt.ts';
import { type ConnectTarget, peerAddressOf } from './connect-target.ts';

/**
 * Connects on the reactor, for the native backend. The observer gets a SystemError such as `ECONNREFUSED` if the
 * attempt fails.
 */
export class ReactorConnect implements ConnectAttempt, ReadyHandler, Descriptor {
  readonly slot: number;
  readonly generation: number;

  readonly #loop: IOLoop;
  readonly #reactor: Reactor;
  readonly #target: ConnectTarget;
  readonly #observer: ConnectObserver;

  /** @throws SystemError if the system refuses the attempt at once. Nothing stays open then. */
  constructor(loop: IOLoop, reactor: Reactor, target: ConnectTarget, observer: ConnectObserver) {
    this.#loop = loop;
    this.#reactor = reactor;
    this.#target = target;
    this.#observer = observer;
    const { binding, constants } = reactor;
    const slot = binding.socket(domainOf(reactor, target), constants.SOCK_STREAM);
    if (slot < 0) throw systemError(slot, 'socket', targetName(target));
    this.slot = slot;
    this.generation = binding.generation(slot);
    try {
      const result = 'path' in target ? this.#connectUnix(target.path) : this.#connectInet(target);
      // If the connection is established at once, `ready` still reports it, in a later loop iteration.
      if (result < 0 && result !== -constants.EINPROGRESS)
        throw systemError(result, 'connect', targetName(target));
      reactor.register(this, WRITABLE, this);
    } catch (error) {
      binding.close(slot, this.generation);
      throw error;
    }
    reactor.ref();
  }

  cancel(): void {
    closeDescriptor(this.#reactor, this);
    this.#reactor.unref();
  }

  /** Called by the reactor. */
  ready(): void {
    const { slot, generation } = this;
    const { binding, options } = this.#reactor;
    const error = binding.getOption(slot, generation, options.ERROR);
    if (error !== 0) {
      this.cancel();
      this.#observer.failed(systemError(-Math.abs(error), 'connect', targetName(this.#target)));
      return;
    }
    const remote = peerAddressOf(this.#target);
    const transport = new ReactorTransport(this.#loop, this.#reactor, slot, generation, undefined, remote);
    this.#reactor.unregister(this);
    this.#reactor.unref();
    this.#observer.connected(transport);
  }

  #connectUnix(path: string): number {
    return this.#reactor.binding.connectUnix(this.slot, this.generation, path);
  }

  #connectInet(target: Exclude<ConnectTarget, { readonly path: string }>): number {
    const { slot, generation } = this;
    const { binding, options } = this.#reactor;
    const { address, port, localAddress, localPort = 0 } = target;
    binding.setOption(slot, generation, options.NODELAY, 1);
    if (localAddress !== undefined) {
      // Set as in libuv, so that simultaneous attempts to several addresses of a host can share the caller's local
      // port.
      if (localPort !== 0) binding.setOption(slot, generation, options.REUSEADDR, 1);
      checked(binding.bindInet(slot, generation, localAddress, localPort), 'bind', localAddress);
    }
    return binding.connectInet(slot, generation, address, port);
  }
}

function domainOf(reactor: Reactor, target: ConnectTarget): number {
  const { constants } = reactor;
  if ('path' in target) return constants.AF_UNIX;
  return target.address.includes(':') ? constants.AF_INET6 : constants.AF_INET;
}
