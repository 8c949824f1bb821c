import type { NativeBinding, TlsBinding } from '@landspout/ioloop/reactor';
import {
  TLS_BARE,
  TLS_BYTES,
  TLS_COMPLETE,
  TLS_ENDED,
  TLS_KEPT,
  TLS_WANTS_CONTEXT,
  TLS_WANTS_READ,
} from '@landspout/ioloop/reactor';

export type Pair = readonly [slot: number, generation: number];

/** A property of the native calls that does not hold. */
export class Finding extends Error {
  override readonly name = 'Finding';
}

/** Calls that may go on without waiting and without bytes, before that is taken for an endless loop. */
const MOST_IDLE_CALLS = 100;
/** The largest errno of Linux. */
const MOST_ERRNO = 4095;
const TARGET = Buffer.alloc(64 * 1024);

/** One end of a connection over the native calls, and what must hold for their results. */
export class NativeEnd {
  /** What was decrypted, in order. */
  readonly received: Buffer[] = [];
  /** What was encrypted, in order. */
  readonly sent: Buffer[] = [];
  isComplete = false;
  /** OpenSSL's reason, if TLS has failed. */
  reason: string | undefined;
  isOver = false;
  readonly #binding: NativeBinding;
  readonly #tls: TlsBinding;
  readonly #pair: Pair;
  readonly #eproto: number;

  constructor(binding: NativeBinding, tls: TlsBinding, pair: Pair, eproto: number) {
    this.#binding = binding;
    this.#tls = tls;
    this.#pair = pair;
    this.#eproto = eproto;
  }

  /**
   * Reads what has arrived.
   *
   * @param chooseContext - for a server that chooses by name.
   */
  step(chooseContext: () => number): void {
    for (let idle = 0; !this.isOver; idle += 1) {
      if (idle > MOST_IDLE_CALLS) throw new Finding('an endless loop of calls without bytes');
      if (!this.isComplete) {
        if (!this.#shakeHands(chooseContext)) return;
        continue;
      }
      const result = this.#checked('tlsRecv', this.#tls.tlsRecv(...this.#pair, TARGET, 0, TARGET.length));
      if (result < 0) {
        this.isOver = result !== -this.#binding.constants.EAGAIN;
        return;
      }
      const count = result & TLS_BYTES;
      if (count > TARGET.length) throw new Finding(`tlsRecv has received ${count} bytes`);
      if (count > 0) {
        this.received.push(Buffer.from(TARGET.subarray(0, count)));
        idle = 0;
      }
      this.#readFacts();
      if ((result & (TLS_ENDED | TLS_BARE)) !== 0 && (result & TLS_KEPT) === 0) this.isOver = true;
      if (count === 0 && (result & TLS_KEPT) === 0) return;
    }
  }

  send(bytes: Buffer): void {
    if (!this.isComplete || this.isOver) return;
    const result = this.#checked(
      'tlsSendBytes',
      this.#tls.tlsSendBytes(...this.#pair, bytes, 0, bytes.length),
    );
    if (result >= 0) this.sent.push(bytes.subarray(0, result & TLS_BYTES));
  }

  shutDown(): void {
    if (this.isComplete && !this.isOver) this.#checked('tlsShutdown', this.#tls.tlsShutdown(...this.#pair));
  }

  takeSession(): Uint8Array | undefined {
    return this.#tls.tlsSession(...this.#pair);
  }

  takeKeyLog(): string {
    return this.#tls.tlsKeyLog(...this.#pair) ?? '';
  }

  close(): void {
    this.#binding.close(...this.#pair);
  }

  /** @returns whether another call may go on. */
  #shakeHands(chooseContext: () => number): boolean {
    const result = this.#checked('tlsHandshake', this.#tls.tlsHandshake(...this.#pair));
    if (result < 0) {
      this.isOver = true;
      return false;
    }
    const state = result & TLS_BYTES;
    if (state === TLS_WANTS_CONTEXT) {
      this.#tls.tlsServerName(...this.#pair);
      this.#tls.tlsChooseContext(...this.#pair, chooseContext());
      return true;
    }
    if (state === TLS_COMPLETE) {
      this.isComplete = true;
      this.#readFacts();
      return true;
    }
    if (state !== TLS_WANTS_READ) throw new Finding(`tlsHandshake returned ${state}`);
    return (result & TLS_KEPT) !== 0;
  }

  /** They must be readable at any time. */
  #readFacts(): void {
    const [version] = this.#tls.tlsFacts(...this.#pair);
    if (version !== 0x0303 && version !== 0x0304) throw new Finding(`the version is ${version}`);
    this.#tls.tlsPeerChain(...this.#pair);
  }

  #checked(name: string, result: number): number {
    if (!Number.isInteger(result) || result < -MOST_ERRNO) throw new Finding(`${name} returned ${result}`);
    if (result === -this.#eproto) this.#checkFailure(name);
    return result;
  }

  #checkFailure(name: string): void {
    const failure = this.#tls.tlsFailure(...this.#pair);
    if (failure === undefined || failure[0] === '') throw new Finding(`${name} has failed without a reason`);
    [this.reason] = failure;
    const again = [
      this.#tls.tlsHandshake(...this.#pair),
      this.#tls.tlsRecv(...this.#pair, TARGET, 0, TARGET.length),
      this.#tls.tlsSendLatin1(...this.#pair, 'x', 0),
      this.#tls.tlsFlush(...this.#pair),
      this.#tls.tlsShutdown(...this.#pair),
    ];
    if (again.some((result) => result !== -this.#eproto))
      throw new Finding(`calls after a failure (${failure[0]}) returned ${again.join()}`);
    this.#tls.tlsFacts(...this.#pair);
    this.#tls.tlsPeerChain(...this.#pair);
  }
}
