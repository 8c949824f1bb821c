import assert from 'node:assert/strict';
import { IOStream } from '../stream/io-stream.ts';
import type { IOStreamOptions } from '../stream/stream-options.ts';
import type { CompliancePair, TestFramework, TransportCapabilities } from './capabilities.ts';

/** Two streams, one on each end of a new pair. */
export interface StreamPair {
  readonly a: IOStream;
  readonly b: IOStream;
}

export type StreamTest = (pair: StreamPair) => Promise<void>;

/** Registers the cases of the suite. Each is named by its behaviour and the IDs of the checklist. */
export class StreamSuite {
  readonly capabilities: Required<TransportCapabilities>;
  readonly #framework: TestFramework;
  readonly #makePair: () => Promise<CompliancePair>;

  constructor(
    framework: TestFramework,
    makePair: () => Promise<CompliancePair>,
    capabilities: Required<TransportCapabilities>,
  ) {
    this.#framework = framework;
    this.#makePair = makePair;
    this.capabilities = capabilities;
  }

  /** Registers a case in which `a` writes and `b` reads, if anything is written at all. */
  check(behaviour: string, test: StreamTest, options?: IOStreamOptions): void {
    this.#framework.it(behaviour, async () => {
      const pair = await this.#makePair();
      const [a, b] = [new IOStream(pair.a, options), new IOStream(pair.b, options)];
      try {
        await test({ a, b });
      } finally {
        a.close();
        b.close();
        await Promise.all([a.waitClosed(), b.waitClosed()]);
        await pair.close();
      }
    });
  }

  /** Registers a case in which bytes go both ways. */
  checkBothWays(behaviour: string, test: StreamTest, options?: IOStreamOptions): void {
    if (!this.capabilities.oneWay) this.check(behaviour, test, options);
  }

  /** Registers a case in which one direction has ended and the other stays open. */
  checkHalfClose(behaviour: string, test: StreamTest, options?: IOStreamOptions): void {
    if (this.capabilities.halfClose) this.checkBothWays(behaviour, test, options);
  }
}

export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** The error codes that the system reports if the peer has reset or closed the connection. */
export const BROKEN = /^(ECONNRESET|EPIPE)$/;

/** Returns the codes of an error and of its cause. */
export function codesOf(error: unknown): [string | undefined, string | undefined] {
  const { code, cause } = (error ?? {}) as { code?: string; cause?: { code?: string } };
  return [code, cause?.code];
}

/** Returns the reason of a promise that must reject. */
export async function failureOf(promise: Promise<unknown>): Promise<Error> {
  let result: unknown;
  try {
    result = await promise;
  } catch (error) {
    return error as Error;
  }
  throw new assert.AssertionError({
    message: `a rejection was expected, but the promise resolved to ${String(result)}`,
  });
}

/** @param cause - the expected code of the cause; `undefined` if there must be no cause. */
export async function assertClosed(promise: Promise<unknown>, cause?: string | RegExp): Promise<void> {
  const error = await failureOf(promise);
  const [code, causeCode] = codesOf(error);
  assert.equal(code, 'ERR_STREAM_CLOSED', `rejected with ${error}`);
  assert.equal(error.name, 'StreamClosedError');
  if (cause instanceof RegExp) assert.match(String(causeCode), cause);
  else assert.equal(causeCode, cause);
}

/** @param code - `ERR_STREAM_USAGE` or `ERR_STREAM_BUSY`. */
export async function assertUsage(promise: Promise<unknown>, code = 'ERR_STREAM_USAGE'): Promise<void> {
  const error = await failureOf(promise);
  assert.deepEqual([error.name, codesOf(error)[0]], ['StreamUsageError', code], `failed with ${error}`);
}

/**
 * Waits until a condition is true, checking it every millisecond. If it never becomes true, the test framework's
 * timeout ends the wait.
 */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Waits until a number has stopped changing, which means that all buffers of the connection are full. */
export async function untilStill(value: () => number): Promise<void> {
  for (let same = 0, before = value(); same < 20; before = value()) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    same = value() === before ? same + 1 : 0;
  }
}

export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Sends the bytes in such a way that each arrives separately. */
export async function sendByBytes(from: IOStream, to: IOStream, bytes: string): Promise<void> {
  for (const byte of Buffer.from(bytes, 'latin1')) {
    const before = to.bytesReceived;
    await from.write(Buffer.of(byte));
    await until(() => to.bytesReceived > before);
  }
}

/** Resolves when the close callback of a stream is called. */
export function closeCallback(stream: IOStream): Promise<void> {
  return new Promise((resolve) => stream.setCloseCallback(resolve));
}
