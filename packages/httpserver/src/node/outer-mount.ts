import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type {
  HTTPConnectionInfo,
  HTTPHeaders,
  HTTPMessageDelegate,
  HTTPServerConnectionDelegate,
  HTTPServerExchange,
  RefusalPage,
  RequestHead,
  RequestRefusal,
} from '@landspout/http1';
import { targetBelow } from '../calling/mount-path.ts';
import { OuterRequestHead } from '../calling/outer-head.ts';

/** Passes requests on with a target that does not contain the path at which the delegate is mounted. */
export class MountedDelegate implements HTTPServerConnectionDelegate {
  readonly #delegate: HTTPServerConnectionDelegate;
  readonly #mountPath: string;

  constructor(delegate: HTTPServerConnectionDelegate, mountPath: string) {
    this.#delegate = delegate;
    this.#mountPath = mountPath;
  }

  startRequest(exchange: HTTPServerExchange): HTTPMessageDelegate {
    return new MountedMessage(this.#delegate.startRequest(exchange), this.#mountPath);
  }

  onClose(connection: HTTPConnectionInfo): unknown {
    return this.#delegate.onClose?.(connection);
  }

  refusalPage(refusal: RequestRefusal): RefusalPage | undefined {
    return this.#delegate.refusalPage?.(refusal);
  }

  serverStopped(): unknown {
    return this.#delegate.serverStopped?.();
  }
}

class MountedMessage implements HTTPMessageDelegate {
  readonly #message: HTTPMessageDelegate;
  readonly #mountPath: string;

  constructor(message: HTTPMessageDelegate, mountPath: string) {
    this.#message = message;
    this.#mountPath = mountPath;
  }

  headersReceived(head: RequestHead): void | PromiseLike<void> {
    const { method, target, version, headers } = head;
    // The target was found to be below the path before the request was passed on.
    const below = targetBelow(target, this.#mountPath) ?? target;
    return this.#message.headersReceived(
      new OuterRequestHead(method, below, version, headers, this.#mountPath, head),
    );
  }

  get collectsBody(): boolean {
    return this.#message.collectsBody === true;
  }

  dataReceived(chunk: Uint8Array): void | PromiseLike<void> {
    return this.#message.dataReceived(chunk);
  }

  finish(trailers?: HTTPHeaders): void | PromiseLike<void> {
    return this.#message.finish(trailers);
  }

  refused(refusal: RequestRefusal): void {
    this.#message.refused?.(refusal);
  }

  connectionClosed(reason: Error): unknown {
    return this.#message.connectionClosed(reason);
  }
}

/** How many handlers have left the upgrade of a connection to the other listeners. */
const leavings = new WeakMap<Duplex, number>();

/**
 * Leaves the upgrade of a connection to the other listeners of the event.
 *
 * @returns false if there are none that have not left it too, so that the request must be refused: its connection would
 *   otherwise stay open without an owner.
 */
export function leaveUpgrade(socket: Duplex): boolean {
  const count = (leavings.get(socket) ?? 0) + 1;
  leavings.set(socket, count);
  // Node sets the property, which has no type.
  const { server } = socket as Duplex & { readonly server?: Partial<Server> };
  return count < (server?.listenerCount?.('upgrade') ?? 0);
}
