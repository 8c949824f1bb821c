import assert from 'node:assert/strict';
import type { Transport, TransportEvents } from '../transport.ts';
import type { CompliancePair, TestFramework, TransportCapabilities } from './capabilities.ts';

/** More than the kernel buffers of any system take for one connection. */
export const MORE_THAN_KERNELS_TAKE = 48 * 1024 * 1024;

type Check = (behaviour: string, test: (a: RecordedEnd, b: RecordedEnd) => Promise<void>) => void;

/** Where the parts of the suite put their cases. */
export interface TransportSuite {
  readonly capabilities: Required<TransportCapabilities>;
  /** A case on two recorded ends, at whose end no rule may have been broken by either. */
  readonly check: Check;
  /** A case in which bytes go both ways. */
  readonly checkBothWays: Check;
  /** A case in which one direction has ended and the other goes on. */
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
        await test(a, b);
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

/** One end of a pair under test: writes down what is reported, and what should never have been. */
export class RecordedEnd {
  readonly transport: Transport;
  receivedBytes = 0;
  sentBytes = 0;
  endings = 0;
  closings = 0;
  error: Error | undefined;
  /** Broken rules, in words. */
  readonly violations: string[] = [];
  /** Called inside each `received`, after it was written down. */
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
      // They were lent for this call only: whoever kept them, on either side, keeps nonsense now.
      bytes.fill(0xa5, start, end);
      this.onReceived?.();
    },
    ended: () => {
      this.#note('ended');
      this.endings += 1;
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

  /** All that has come so far. */
  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  /** Calls methods of the transport, inside which nothing may be reported. */
  act(call: (transport: Transport) => void): void {
    this.#insideCall = true;
    try {
      call(this.transport);
    } finally {
      this.#insideCall = false;
    }
  }

  /** Waits until something that is reported makes `isTrue` true. */
  async until(isTrue: (end: this) => boolean): Promise<void> {
    while (!isTrue(this)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #note(event: string): void {
    if (this.#insideCall) this.violations.push(`${event} inside a call of a method`);
    if (this.closings > 0) this.violations.push(`${event} after closed`);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
