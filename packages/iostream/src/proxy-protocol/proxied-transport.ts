import type { Duplex } from 'node:stream';
import { runInRootContext } from '@landspout/ioloop/reactor';
import type {
  ProxiedConnection,
  SocketAddress,
  TakenDescriptor,
  TlsInfo,
  Transport,
  TransportEvents,
} from '../transport.ts';
import type { ProxyHeader } from './proxy-header.ts';

/**
 * A connection from a proxy after its PROXY header: it reports the client's address, and its data starts right after
 * the header. The reader of the header stays attached to the transport below and forwards its events, because `attach`
 * may be called only once.
 */
export class ProxiedTransport implements Transport, TransportEvents {
  readonly kind: Transport['kind'];
  readonly tls: TlsInfo | undefined;
  readonly localAddress: SocketAddress;
  readonly remoteAddress: SocketAddress;
  readonly proxied: ProxiedConnection | undefined;

  readonly #below: Transport;
  /** The bytes that arrived together with the header and have not been delivered yet. */
  #early: Buffer | undefined;
  #events: TransportEvents | undefined;
  #reading = false;
  #open = true;

  /**
   * @param header - `undefined` if the connection has none.
   * @param early - the bytes received after the header. The caller must not modify them after the call.
   */
  constructor(below: Transport, header: ProxyHeader | undefined, early: Buffer) {
    this.#below = below;
    this.kind = below.kind;
    this.tls = below.tls;
    this.#early = early.length > 0 ? early : undefined;
    const { remoteAddress: proxyAddress, localAddress: proxyLocalAddress } = below;
    this.remoteAddress = header?.addresses?.source ?? proxyAddress;
    this.localAddress = header?.addresses?.destination ?? proxyLocalAddress;
    if (header?.addresses !== undefined)
      this.proxied = { version: header.version, proxyAddress, proxyLocalAddress };
  }

  get bytesInFlight(): number {
    return this.#below.bytesInFlight ?? 0;
  }

  attach(events: TransportEvents): void {
    this.#events = events;
  }

  resume(): void {
    if (this.#reading || !this.#open) return;
    this.#reading = true;
    if (this.#early === undefined) this.#below.resume();
    else runInRootContext(() => process.nextTick(() => this.#deliverEarly()), undefined);
  }

  pause(): void {
    if (!this.#reading) return;
    this.#reading = false;
    if (this.#early === undefined) this.#below.pause();
  }

  write(piece: string | Uint8Array): void {
    this.#below.write(piece);
  }

  sendFile(fd: number, position: number, byteLength: number): number {
    return this.#below.sendFile?.(fd, position, byteLength) ?? -1;
  }

  flush(): void {
    this.#below.flush();
  }

  endWrite(): void {
    this.#below.endWrite();
  }

  close(): void {
    this.#open = false;
    this.#below.close();
  }

  reset(): void {
    this.#open = false;
    this.#below.reset();
  }

  ref(): void {
    this.#below.ref();
  }

  unref(): void {
    this.#below.unref();
  }

  setNoDelay(on: boolean): void {
    this.#below.setNoDelay(on);
  }

  takeDescriptor(): TakenDescriptor | undefined {
    const taken = this.#below.takeDescriptor?.();
    if (taken === undefined) return undefined;
    this.#open = false;
    const early = this.#early;
    this.#early = undefined;
    return early === undefined ? taken : { ...taken, early };
  }

  detach(): Duplex {
    this.#open = false;
    const duplex = this.#below.detach();
    if (this.#early !== undefined) duplex.unshift(this.#early);
    this.#early = undefined;
    return duplex;
  }

  // ---- events of the transport below ----

  received(bytes: Buffer, start: number, end: number): void {
    this.#events?.received(bytes, start, end);
  }

  ended(isBare: boolean): void {
    this.#events?.ended(isBare);
  }

  sent(byteLength: number): void {
    this.#events?.sent(byteLength);
  }

  writable(): void {
    this.#events?.writable?.();
  }

  closed(error: Error | undefined): void {
    this.#open = false;
    this.#events?.closed(error);
  }

  /** Delivers the early bytes. To keep the order, the transport below stays paused until then. */
  #deliverEarly(): void {
    const bytes = this.#early;
    if (!this.#reading || !this.#open || bytes === undefined) return;
    this.#early = undefined;
    this.#events?.received(bytes, 0, bytes.length);
    if (this.#reading && this.#open) this.#below.resume();
  }
}
