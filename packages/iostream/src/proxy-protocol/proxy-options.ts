import type { OptionNames } from '@landspout/ioloop/errors';
import { AddressList } from '../addresses/address-list.ts';
import { streamChecks } from '../errors.ts';
import { V2_LEAST_MAX_BYTES, V2_MOST_MAX_BYTES } from './proxy-header-v2.ts';

/** Whom to believe that another address is the client's, and how long to wait for it. */
export interface ProxyProtocolOptions {
  /**
   * The proxies: addresses, networks such as `10.0.0.0/8` or `fd00::/8`, and `unix` for every connection over a Unix
   * socket. Whoever else connects is served as himself: a header of his is data like any other.
   */
  readonly from: readonly string[];
  /**
   * Whether a listed proxy has to send a header. Default true; with false whatever begins otherwise is taken for data,
   * as its specification says not to, for the time in which proxies are changed over.
   */
  readonly required?: boolean;
  /** How long a header may take to come, from 1 ms. Default 5 s; the specification asks for 3 s at least. */
  readonly timeoutMs?: number;
  /** The longest header of version 2, from 232 to 65,551 bytes; default 4,096. One of version 1 has at most 107. */
  readonly maxHeaderBytes?: number;
}

const PROXY_OPTIONS: OptionNames<ProxyProtocolOptions> = {
  from: true,
  required: true,
  timeoutMs: true,
  maxHeaderBytes: true,
};

/** {@link ProxyProtocolOptions}, checked and complete. */
export interface ProxySettings {
  readonly from: AddressList;
  readonly required: boolean;
  readonly timeoutMs: number;
  readonly maxHeaderBytes: number;
}

const DEFAULT_TIMEOUT_MS = 5_000;
/** As nginx. */
const DEFAULT_MAX_HEADER_BYTES = 4_096;

/** @throws StreamUsageError `ERR_STREAM_USAGE` for options that cannot be. */
export function resolveProxyOptions(options: ProxyProtocolOptions): ProxySettings {
  streamChecks.options('proxyProtocol', options, PROXY_OPTIONS);
  const {
    from,
    required = true,
    timeoutMs = DEFAULT_TIMEOUT_MS,
    maxHeaderBytes = DEFAULT_MAX_HEADER_BYTES,
  } = options;
  streamChecks.boolean('proxyProtocol', 'required', required);
  streamChecks.durationMs('proxyProtocol', 'timeoutMs', timeoutMs, 1);
  streamChecks.wholeNumber(
    'proxyProtocol',
    'maxHeaderBytes',
    maxHeaderBytes,
    V2_LEAST_MAX_BYTES,
    V2_MOST_MAX_BYTES,
  );
  return { from: new AddressList(from), required, timeoutMs, maxHeaderBytes };
}
