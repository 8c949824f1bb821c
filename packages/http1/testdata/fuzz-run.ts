import { Buffer } from 'node:buffer';
import { DATA, END, HEAD, INTERIM, NEED_DATA } from '../src/protocol/decoding/events.ts';
import { RequestDecoder } from '../src/protocol/decoding/request-decoder.ts';
import type { DecodedRequestHead } from '../src/protocol/decoding/request-head.ts';
import { ResponseDecoder } from '../src/protocol/decoding/response-decoder.ts';
import type { DecodedResponseHead } from '../src/protocol/decoding/response-head.ts';
import type { HTTPHeaders } from '../src/protocol/fields/http-headers.ts';
import { Http1ProtocolError } from '../src/protocol/grammar/errors.ts';
import type { FuzzCase } from './fuzz-case.ts';

/** A message that a decoder read, as far as it came. */
export interface FuzzMessage {
  readonly head: DecodedRequestHead | DecodedResponseHead;
  readonly interim: boolean;
  body: string;
  trailers: HTTPHeaders | undefined;
  ended: boolean;
}

/** What became of one wire. */
export interface FuzzRun {
  readonly messages: FuzzMessage[];
  /** The code of the error, or what the decoder waits for. */
  outcome: string;
  /** Bytes that the decoder left to whoever comes next. */
  rest: string;
}

/** Says that a property does not hold. */
export class FuzzFinding extends Error {
  override readonly name = 'FuzzFinding';
}

/** A decoder that holds more than this many calls of `next` per byte does not get on. */
const CALLS_PER_SEGMENT = 8;

/**
 * Feeds the segments to a new decoder, overwriting each when its loan is over, as a shared read buffer is.
 *
 * @param hold - whether every second loan is ended by `hold`, before anything of it was pulled.
 * @throws FuzzFinding when the decoder buffers more than its limits allow, or does not get on; and whatever the
 *   decoder throws, unless it is Http1ProtocolError.
 */
export function runCase(fuzzed: FuzzCase, segments: readonly Buffer[], hold: boolean): FuzzRun {
  const run: FuzzRun = { messages: [], outcome: 'need-data', rest: '' };
  const pump = fuzzed.methods === undefined ? pumpOfRequests(fuzzed, run) : pumpOfResponses(fuzzed, run);
  try {
    for (const [at, segment] of segments.entries()) {
      const lent = Buffer.from(segment);
      pump.decoder.receive(lent, 0, lent.length);
      if (hold && at % 2 === 1) {
        pump.decoder.hold();
        lent.fill(0x23);
      }
      pump.pull(segment.length);
      lent.fill(0x23);
    }
    pump.finish();
    if (pump.decoder.midMessage) run.outcome = 'mid-message';
    run.rest = pump.decoder.takeRest().toString('latin1');
  } catch (error) {
    if (!(error instanceof Http1ProtocolError)) throw error;
    run.outcome = error.code;
    expectSameAgain(pump.decoder, error);
  }
  return run;
}

function pumpOfRequests(fuzzed: FuzzCase, run: FuzzRun): Pump {
  return new Pump(fuzzed, run, new RequestDecoder(fuzzed.limits), []);
}

function pumpOfResponses(fuzzed: FuzzCase, run: FuzzRun): Pump {
  return new Pump(fuzzed, run, new ResponseDecoder(fuzzed.limits), fuzzed.methods ?? []);
}

class Pump {
  readonly decoder: RequestDecoder | ResponseDecoder;
  readonly #fuzzed: FuzzCase;
  readonly #run: FuzzRun;
  readonly #methods: readonly string[];
  #expected = 0;

  constructor(
    fuzzed: FuzzCase,
    run: FuzzRun,
    decoder: RequestDecoder | ResponseDecoder,
    methods: readonly string[],
  ) {
    this.#fuzzed = fuzzed;
    this.#run = run;
    this.decoder = decoder;
    this.#methods = methods;
    this.#expectNext();
  }

  /** Pulls until NEED_DATA. `length` is that of the segment that came. */
  pull(length: number): void {
    const { decoder } = this;
    let calls = 0;
    for (let event = decoder.next(); event !== NEED_DATA; event = decoder.next()) {
      calls += 1;
      if (calls > (length + 1) * CALLS_PER_SEGMENT) throw new FuzzFinding('the decoder does not get on');
      if (event === HEAD || event === INTERIM) {
        const interim = event === INTERIM;
        this.#run.messages.push({
          head: decoder.head,
          interim,
          body: '',
          trailers: undefined,
          ended: interim,
        });
        continue;
      }
      const message = this.#run.messages.at(-1);
      if (message === undefined) throw new FuzzFinding('an event came before any head');
      if (event === DATA) {
        if (decoder.dataEnd <= decoder.dataStart) throw new FuzzFinding('a piece of data is empty');
        message.body += decoder.data.toString('latin1', decoder.dataStart, decoder.dataEnd);
      }
      if (event === END) {
        message.trailers = decoder.trailers;
        message.ended = true;
        this.#expectNext();
      }
    }
    const { maxHeadBytes, maxTrailerBytes } = this.#fuzzed.limits;
    if (decoder.bufferedBytes > Math.max(maxHeadBytes, maxTrailerBytes + 2) && !this.#tunnel) {
      throw new FuzzFinding(`${decoder.bufferedBytes} bytes are buffered`);
    }
  }

  finish(): void {
    if (!(this.decoder instanceof ResponseDecoder) || !this.#fuzzed.eof) return;
    this.decoder.endOfInput();
    this.pull(0);
  }

  /** Behind a 101 or a CONNECT everything waits for its new reader. */
  get #tunnel(): boolean {
    return this.#run.messages.at(-1)?.ended === true && this.decoder instanceof ResponseDecoder;
  }

  #expectNext(): void {
    const method = this.#methods[this.#expected];
    const last = this.#run.messages.at(-1)?.head;
    const tunnel =
      last !== undefined && 'status' in last && isTunnel(this.#methods, this.#expected, last.status);
    if (this.decoder instanceof ResponseDecoder && method !== undefined && !tunnel)
      this.decoder.expect(method);
    this.#expected += 1;
  }
}

function isTunnel(methods: readonly string[], expected: number, status: number): boolean {
  return status === 101 || (methods[expected - 1] === 'CONNECT' && status >= 200 && status < 300);
}

/** A decoder that failed stays failed, and holds nothing. */
function expectSameAgain(decoder: RequestDecoder | ResponseDecoder, error: Http1ProtocolError): void {
  decoder.receive(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'), 0, 4);
  if (decoder.bufferedBytes !== 0) throw new FuzzFinding('a failed decoder buffers');
  try {
    decoder.next();
  } catch (again) {
    if (again === error) return;
    throw again;
  }
  throw new FuzzFinding('a failed decoder went on');
}
