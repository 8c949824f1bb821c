import { constants } from 'node:os';
import { TLS_BYTES, TLS_NEEDS_INPUT, TLS_WAITING, type TlsBinding } from '@landspout/ioloop/reactor';
import { type SendCalls, SendQueue } from './send-queue.ts';

const { EAGAIN } = constants.errno;

/**
 * What one TLS connection has to send: plain text that waits to be encrypted, ciphertext that waits for the kernel, and
 * bytes that were sent and not reported. Exists only while there is any of it, so that an idle connection has none.
 */
export class TlsOutgoing {
  /**
   * Whether ciphertext waits until the kernel can take more. Nothing is encrypted until then. Also set if OpenSSL itself
   * has something to send, such as the response to a key update.
   */
  isWaiting = false;
  /** Whether nothing can be sent before more has been received: the peer has sent a part of a handshake message. */
  needsInput = false;
  /** The result of the send that has failed; 0 for none. The kernel reports an error only once. */
  failure = 0;

  #queue: SendQueue | undefined;
  /** Bytes that were encrypted and whose records wait. */
  #encryptedBytes = 0;
  /** Bytes whose records are in the kernel. */
  #sentBytes = 0;

  push(piece: string | Uint8Array): void {
    if (this.#queue === undefined) this.#queue = new SendQueue(piece);
    else this.#queue.push(piece);
  }

  /** Bytes that wait to be encrypted. */
  get queuedBytes(): number {
    return this.#queue === undefined ? 0 : this.#queue.byteLength;
  }

  /** Pieces that were pushed since the last call of {@link encrypt}. */
  get pieceCount(): number {
    return this.#queue === undefined ? 0 : this.#queue.pieceCount;
  }

  /** Bytes that were encrypted and not reported. */
  get bytesInFlight(): number {
    return this.#encryptedBytes + this.#sentBytes;
  }

  /** Whether the kernel has everything. */
  get isSent(): boolean {
    return this.#queue === undefined && !this.isWaiting && !this.needsInput && this.failure === 0;
  }

  /** The string that is the only thing there is to send; `undefined` if there is more, or it cannot be sent now. */
  get loneText(): string | undefined {
    const isFree = !this.isWaiting && !this.needsInput && this.failure === 0 && this.#sentBytes === 0;
    return isFree ? this.#queue?.loneText : undefined;
  }

  /** Drops what was not encrypted. */
  clear(): void {
    this.#queue = undefined;
  }

  /** Returns how many bytes are to be reported as sent now. */
  takeSent(): number {
    const byteLength = this.#sentBytes;
    this.#sentBytes = 0;
    return byteLength;
  }

  /**
   * Encrypts some of the queued bytes, of which there must be any, and sends them. Must not be called while ciphertext
   * waits.
   *
   * @returns the number of bytes that were encrypted, or the negative errno.
   */
  encrypt(calls: SendCalls, slot: number, generation: number, mostBytes: number): number {
    return this.accept((this.#queue as SendQueue).offer(calls, slot, generation, mostBytes));
  }

  /** Acts on the result of a send of the first queued bytes. @returns as {@link encrypt}. */
  accept(result: number): number {
    if (result === -EAGAIN) {
      this.isWaiting = true;
      return 0;
    }
    if (result < 0) {
      this.failure = result;
      return result;
    }
    const byteLength = result & TLS_BYTES;
    this.needsInput = (result & TLS_NEEDS_INPUT) !== 0;
    this.#queue?.advance(byteLength);
    if (this.#queue?.isEmpty) this.#queue = undefined;
    if ((result & TLS_WAITING) === 0) {
      this.#sentBytes += byteLength;
    } else {
      this.#encryptedBytes += byteLength;
      this.isWaiting = true;
    }
    return byteLength;
  }

  /** Sends ciphertext that waits. @returns 0 or the negative errno. */
  flush(binding: TlsBinding, slot: number, generation: number): number {
    const result = binding.tlsFlush(slot, generation);
    if (result < 0) {
      this.failure = result;
      return result;
    }
    const byteLength = result & TLS_BYTES;
    this.#encryptedBytes -= byteLength;
    this.#sentBytes += byteLength;
    this.isWaiting = (result & TLS_WAITING) !== 0;
    return 0;
  }
}

/** Returns the three calls with which a queue encrypts and sends: one object for each thread. */
export function sendCallsOf(binding: TlsBinding): SendCalls {
  let calls = sendCalls.get(binding);
  if (calls === undefined) {
    calls = {
      sendBytes: binding.tlsSendBytes,
      sendLatin1: binding.tlsSendLatin1,
      sendVector: binding.tlsSendVector,
    };
    sendCalls.set(binding, calls);
  }
  return calls;
}

const sendCalls = new WeakMap<TlsBinding, SendCalls>();
