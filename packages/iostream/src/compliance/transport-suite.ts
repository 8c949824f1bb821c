import assert from 'node:assert/strict';
import type { Transport, TransportEvents } from '../transport.ts';
import type { CompliancePair, TestFramework, TransportCapabilities } from './capabilities.ts';

/** More than the kernel of any system buffers for one connection. */
export const MORE_THAN_KERNELS_TAKE = 48 * 1024 * 1024;

type Check = (
  behaviour: string,
  test: (a: RecordedEnd, b: RecordedEnd, pair: CompliancePair) => Promise<void>,
) => void;

/** Registers the cases of the suite. */
export interface TransportSuite {
  readonly capabilities: Required<TransportCapabilities>;
  /** Registers a case on two recorded ends. It fails if either has broken a rule. */
  readonly check: Check;
  /** Registers a case in which bytes go both ways. */
  readonly checkBothWays: Check;
  /** Registers a case in which one direction has ended and the other stays open. */
  readonly checkHalfClose: Check;
}

export function makeTransportSuite(
  { it }: TestFramework,
  makePair: () => Promise<CompliancePair>,
  capabilities: Required<TransportCapabilities>,
): TransportSuite {
  const check: Check = (behaviour, test) =>
    it(behaviour, async () => {
      const pair = await makePair();
      const a = new RecordedEnd(pair.a);
      const b = new RecordedEnd(pair.b);
      try {
        await test(a, b, pair);
        assert.deepEqual([...a.violations, ...b.violations], []);
      } finally {
        pair.a.close();
        pair.b.close();
        await pair.close();
      }
    });
  const leftOut: Check = () => {};
  const checkBothWays = capabilities.oneWay ? leftOut : check;
  const checkHalfClose = capabilities.halfClose ? checkBothWays : leftOut;
  return { capabilities, check, checkBothWays, checkHalfClose };
}

/** One end of a pair under test: records all events, and those that break a rule. */
export class RecordedEnd {
  readonly transport: Transport;
  receivedBytes = 0;
  sentBytes = 0;
  endings = 0;
  /** Whether the end was reported as bare. */
  isEndBare: boolean | undefined;
  closings = 0;
  error: Error | undefined;
  /** Descriptions of the broken rules. */
  readonly violations: string[] = [];
  /** Called in each `received`, after the event was recorded. */
  onReceived: (() => void) | undefined;

  readonly #received: Buffer[] = [];
  #insideCall = false;
  #waiting: (() => void)[] = [];

  readonly #events: TransportEvents = {
    received: (bytes, start, end) => {
      this.#note('received');
      if (this.endings > 0) this.violations.push('received after ended');
      if (end <= start) this.violations.push(`received an empty range, ${start} to ${end}`);
      this.#received.push(Buffer.from(bytes.subarray(start, end)));
      this.receivedBytes += end - start;
      // The bytes are borrowed for this call only. Overwriting them reveals any side that kept a reference.
      bytes.fill(0xa5, start, end);
      this.onReceived?.();
    },
    ended: (isBare) => {
      this.#note('ended');
      this.endings += 1;
      this.isEndBare = isBare;
    },
    sent: (byteLength) => {
      this.#note('sent');
      if (!(byteLength > 0)) this.violations.push(`sent(${byteLength})`);
      this.sentBytes += byteLength;
    },
    closed: (error) => {
      this.#note('closed');
      this.closings += 1;
      this.error = error;
    },
  };

  constructor(transport: Transport) {
    this.transport = transport;
    this.act(() => transport.attach(this.#events));
  }

  /** All bytes received so far. */
  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  /** Calls methods of the transport. No event may be emitted during the call. */
  act(call: (transport: Transport) => void): void {
    this.#insideCall = true;
    try {
      call(this.transport);
    } finally {
      this.#insideCall = false;
    }
  }

  /** Waits until an event makes `isTrue` return true. */
  async until(isTrue: (end: this) => boolean): Promise<void> {
    while (!isTrue(this)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #note(event: string): void {
    if (this.#insideCall) this.violations.push(`${event} during a method call`);
    if (this.closings > 0) this.violations.push(`${event} after closed`);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
