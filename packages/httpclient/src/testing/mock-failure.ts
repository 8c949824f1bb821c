import { Buffer } from 'node:buffer';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { mockChecks } from './errors.ts';
import { type MockResponse, type PreparedResponse, prepareResponse } from './mock-response.ts';

/** How much of an exchange takes place before it fails: the request, the head, or some bytes of the response body. */
export type FailurePoint = 'request' | 'head' | { readonly bodyBytes: number };

export interface CutOptions {
  /**
   * When the failure occurs: after the whole request was received, so that nothing of the response is sent (the
   * default); after the head of the response; or after this many bytes of its body.
   */
  readonly after?: FailurePoint;
  /**
   * The response of which a part is sent. Its body is chunked unless it has a Content-Length, and its end is not sent.
   * Default: a 200 with a body of the needed length.
   */
  readonly response?: MockResponse;
}

export interface MalformedOptions {
  /** Whether the connection stays open after the bytes were sent. Default: false. */
  readonly keepOpen?: boolean;
}

/** A part of a response, after which the connection fails. */
export interface CutPlan {
  readonly kind: 'reset' | 'hang';
  /** The number of body bytes to send; -1 for the head only. Undefined for nothing of the response. */
  readonly part: { readonly response: PreparedResponse; readonly bodyBytes: number } | undefined;
}

type FailurePlan =
  | { readonly kind: 'refuse' | 'resolve' }
  | CutPlan
  | {
      readonly kind: 'malformed';
      readonly bytes: Uint8Array;
      readonly keepOpen: boolean;
    };

const CUT_OPTIONS: OptionNames<CutOptions> = { after: true, response: true };
const POINT: OptionNames<{ bodyBytes: number }> = { bodyBytes: true };
const MALFORMED_OPTIONS: OptionNames<MalformedOptions> = { keepOpen: true };
const MAX_FILLER_BYTES = 64 * 1024 * 1024;

/** A failure of the network or of a server; see {@link fail}. */
export class MockFailure {
  /** @internal */
  readonly plan: FailurePlan;

  /** @internal */
  constructor(plan: FailurePlan) {
    this.plan = plan;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      kind: this.plan.kind,
      plan: undefined,
    }));
  }
}

/**
 * The failures that a MockTransport can cause. `refuse` and `resolve` are for `onConnect`, `hang` is for `onConnect` and
 * `on`, and the others are for `on`.
 *
 * @example
 * mock.on('GET', '/report', fail.reset({ after: { bodyBytes: 100 } }), { times: 1 });
 */
export const fail = Object.freeze({
  /** The connection is refused: `ECONNREFUSED`. */
  refuse(): MockFailure {
    return new MockFailure({ kind: 'refuse' });
  },

  /** The name of the host is not found: `ERR_STREAM_RESOLVE`. */
  resolve(): MockFailure {
    return new MockFailure({ kind: 'resolve' });
  },

  /** The connection is reset. @throws MockUsageError `ERR_MOCK_USAGE` if an option is invalid. */
  reset(options: CutOptions = {}): MockFailure {
    return new MockFailure(cutPlan('reset', options));
  },

  /**
   * The server sends nothing more, and the connection stays open until the client closes it. For `onConnect`: the
   * connection is never opened.
   *
   * @throws MockUsageError `ERR_MOCK_USAGE` if an option is invalid.
   */
  hang(options: CutOptions = {}): MockFailure {
    return new MockFailure(cutPlan('hang', options));
  },

  /**
   * The server sends these bytes in place of a response, and ends the connection.
   *
   * @param bytes - bytes, or text of which each character is one byte (latin1).
   * @throws MockUsageError `ERR_MOCK_USAGE` if an argument is invalid.
   */
  malformed(bytes: string | Uint8Array, options: MalformedOptions = {}): MockFailure {
    mockChecks.options('fail.malformed', options, MALFORMED_OPTIONS);
    const { keepOpen = false } = options;
    mockChecks.boolean('fail.malformed', 'keepOpen', keepOpen);
    if (typeof bytes !== 'string' && !(bytes instanceof Uint8Array))
      throw mockChecks.wrong('fail.malformed', 'text or bytes', bytes);
    const raw = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    return new MockFailure({ kind: 'malformed', bytes: raw, keepOpen });
  },
});

function cutPlan(kind: CutPlan['kind'], options: CutOptions): CutPlan {
  const operation = `fail.${kind}`;
  mockChecks.options(operation, options, CUT_OPTIONS);
  const bodyBytes = bodyBytesBefore(operation, options.after ?? 'request');
  if (bodyBytes === undefined) {
    if (options.response === undefined) return { kind, part: undefined };
    throw mockChecks.wrong(
      operation,
      "after: 'head' or { bodyBytes }, if there is a response,",
      options.after,
    );
  }
  // One byte more, so that the failure comes before the end.
  const response = options.response ?? {
    body: Buffer.alloc(Math.max(0, bodyBytes) + 1, 'x'),
  };
  return {
    kind,
    part: { response: prepareResponse(operation, response), bodyBytes },
  };
}

/** -1 for the head only; undefined if no part of the response is sent. */
function bodyBytesBefore(operation: string, after: FailurePoint): number | undefined {
  if (after === 'request') return undefined;
  if (after === 'head') return -1;
  if (typeof after !== 'object')
    throw mockChecks.wrong(operation, "after: 'request', 'head' or { bodyBytes }", after);
  mockChecks.options(operation, after, POINT);
  return mockChecks.wholeNumber(operation, 'bodyBytes', after.bodyBytes, 0, MAX_FILLER_BYTES);
}
