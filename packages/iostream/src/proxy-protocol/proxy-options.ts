import { type OptionNames, shownValue } from '@landspout/ioloop/errors';
import { AddressList } from '../addresses/address-list.ts';
import { requireOptions, StreamUsageError } from '../errors.ts';
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
  requireOptions('proxyProtocol', options, PROXY_OPTIONS);
  const {
    from,
    required = true,
    timeoutMs = DEFAULT_TIMEOUT_MS,
    maxHeaderBytes = DEFAULT_MAX_HEADER_BYTES,
  } = options;
  if (typeof required !== 'boolean')
    throw usage(`required of true or false was expected, not ${shownValue(required)}`);
  if (!(timeoutMs >= 1 && timeoutMs < 2 ** 31)) {
    throw usage(`timeoutMs of at least 1 was expected, not ${shownValue(timeoutMs)}`);
  }
  const isLimit = Number.isInteger(maxHeaderBytes) && maxHeaderBytes >= V2_LEAST_MAX_BYTES;
  if (!isLimit || maxHeaderBytes > V2_MOST_MAX_BYTES) {
    const range = `${V2_LEAST_MAX_BYTES} to ${V2_MOST_MAX_BYTES}`;
    throw usage(`maxHeaderBytes of ${range} was expected, not ${shownValue(maxHeaderBytes)}`);
  }
  return { from: new AddressList(from), required, timeoutMs, maxHeaderBytes };
}

function usage(message: string): StreamUsageError {
  return new StreamUsageError('ERR_STREAM_USAGE', `proxyProtocol: ${message}`);
}
