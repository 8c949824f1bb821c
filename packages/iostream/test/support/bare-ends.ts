import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect, type TLSSocket, TLSSocket as TlsSocket } from 'node:tls';
import { IOStream } from '../../src/index.ts';
import { memoryPair, type Transport, type TransportEvents } from '../../src/transports/index.ts';

/**
 * Reports the peer's end as bare, as TLS does without close_notify. Everything else is up to `transport`.
 */
export function bareEnding(transport: Transport): Transport {
  const attach = (events: TransportEvents): void =>
    transport.attach({
      received: (bytes, start, end) => events.received(bytes, start, end),
      ended: () => events.ended(true),
      sent: (byteLength) => events.sent(byteLength),
      closed: (error) => events.closed(error),
    });
  return new Proxy(transport, {
    get(target, name) {
      if (name === 'attach') return attach;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Two ends of a connection in memory: if `peer` ends its side, the end that `stream` sees is bare. */
export function bareEndingPair(): { readonly stream: IOStream; readonly peer: IOStream } {
  const [one, other] = memoryPair();
  return { stream: new IOStream(bareEnding(one)), peer: new IOStream(other) };
}

/**
 * A TCP connection under node:tls, which a test ends at any byte. Node sends a close_notify before it ends TCP; here,
 * nothing is sent after the byte that the test chooses.
 */
class CutConnection extends Duplex {
  readonly #socket: Socket;
  #left = Number.POSITIVE_INFINITY;
  /** Bytes of ciphertext that were passed on since {@link cutAfter}. */
  passedBytes = 0;

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    socket.on('data', (chunk) => this.push(chunk));
    socket.on('end', () => this.push(null));
    socket.on('error', () => this.destroy());
    socket.on('close', () => this.destroy());
  }

  /** Passes on at most `byteLength` more bytes, and then ends our side of TCP. */
  cutAfter(byteLength: number): void {
    this.#left = byteLength;
    this.passedBytes = 0;
    if (byteLength === 0) this.#socket.end();
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    const part = chunk.subarray(0, this.#left);
    if (part.length === 0 || this.#socket.destroyed) {
      callback();
      return;
    }
    this.#left -= part.length;
    this.passedBytes += part.length;
    this.#socket.write(part, () => callback());
    if (this.#left === 0) this.#socket.end();
  }

  override _final(callback: () => void): void {
    this.#socket.end();
    callback();
  }

  override _destroy(_error: Error | null, callback: () => void): void {
    this.#socket.destroy();
    callback();
  }
}

/** One end of a TLS connection of node:tls, which the test can end without close_notify. */
export class CuttableTls {
  readonly tls: TLSSocket;
  readonly #below: CutConnection;
  readonly #handshake: Promise<void>;
  #received = '';
  #isOver = false;
  #wake: (() => void) | undefined;

  private constructor(tls: TLSSocket, below: CutConnection) {
    this.tls = tls;
    this.#below = below;
    this.#handshake = new Promise((resolve) => tls.once('secure', () => setImmediate(resolve)));
    const over = (): void => {
      this.#isOver = true;
      this.#wake?.();
    };
    tls.on('error', over).on('end', over).on('close', over);
    below.on('close', over);
    tls.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('latin1');
      this.#wake?.();
    });
  }

  /** The server's end of a connection that was accepted, which must be half-open. */
  static accept(
    socket: Socket,
    identity: { readonly key: string | Buffer; readonly cert: string | Buffer },
  ): CuttableTls {
    const below = new CutConnection(socket);
    return new CuttableTls(new TlsSocket(below, { isServer: true, ...identity }), below);
  }

  /** The client's end, after its handshake. @param socket - connected, and half-open. */
  static async connect(
    socket: Socket,
    options: { readonly ca: string | Buffer; readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3' },
  ): Promise<CuttableTls> {
    const below = new CutConnection(socket);
    const tls = connect({ socket: below, servername: 'localhost', ...options });
    const client = new CuttableTls(tls, below);
    await once(tls, 'secureConnect');
    return client;
  }

  get received(): string {
    return this.#received;
  }

  /** Whether the other side has ended, or the connection is closed. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Waits until everything received, as latin1, matches; or until the other side has ended. */
  until(pattern: RegExp): Promise<string> {
    return this.#waitFor(() => pattern.test(this.#received));
  }

  /** Waits until the other side has ended, and returns everything received. */
  untilEnd(): Promise<string> {
    return this.#waitFor(() => false);
  }

  /** Sends text as latin1, in records of its own. Resolves when the kernel has it. */
  send(text: string): Promise<void> {
    return new Promise((resolve) => void this.tls.write(text, 'latin1', () => resolve()));
  }

  /** Ends our side of TCP, after everything sent, without close_notify. The other side may go on. */
  endBare(): void {
    this.#below.cutAfter(0);
  }

  /** Sends pieces, each in a record of its own, and ends our side of TCP after `byteLength` bytes of their ciphertext. */
  async sendCut(pieces: readonly string[], byteLength: number): Promise<void> {
    // Otherwise, the tickets that a server sends at the end of its handshake would be counted.
    await this.#handshake;
    this.#below.cutAfter(byteLength);
    for (const piece of pieces) await this.send(piece);
  }

  /** Sends pieces, each in a record of its own. @returns the length of their ciphertext. */
  async sendWhole(pieces: readonly string[]): Promise<number> {
    await this.sendCut(pieces, Number.POSITIVE_INFINITY);
    return this.#below.passedBytes;
  }

  /** Sends close_notify, and ends our side of TCP. */
  endProperly(): void {
    this.tls.end();
  }

  close(): void {
    this.tls.destroy();
    this.#below.destroy();
  }

  async #waitFor(isTrue: () => boolean): Promise<string> {
    while (!isTrue() && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#received;
  }
}
