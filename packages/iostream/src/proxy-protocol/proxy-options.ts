import type { OptionNames } from '@landspout/ioloop/errors';
import { AddressList } from '../addresses/address-list.ts';
import { streamChecks } from '../errors.ts';
import { V2_LEAST_MAX_BYTES, V2_MOST_MAX_BYTES } from './proxy-header-v2.ts';

/** Which proxies may name the client's address, and how long to wait for the header. */
export interface ProxyProtocolOptions {
  /**
   * The proxies: addresses, networks such as `10.0.0.0/8` or `fd00::/8`, and `unix` for every connection over a Unix
   * socket. Connections from elsewhere keep their own address; a PROXY header that they send is treated as data.
   */
  readonly from: readonly string[];
  /**
   * Whether a listed proxy must send a header. If false, a connection that starts with anything else is served without
   * one. The specification forbids that; use it only while proxies are being reconfigured. Default: true.
   */
  readonly required?: boolean;
  /** How long the header may take to arrive, at least 1 ms. Default: 5 s; the specification asks for at least 3 s. */
  readonly timeoutMs?: number;
  /** Maximum length of a version 2 header: 232 to 65,551 bytes. A version 1 header has at most 107. Default: 4,096. */
  readonly maxHeaderBytes?: number;
}

const PROXY_OPTIONS: OptionNames<ProxyProtocolOptions> = {
  from: true,
  required: true,
  timeoutMs: true,
  maxHeaderBytes: true,
};

/** {@link ProxyProtocolOptions}, checked and with defaults filled in. */
export interface ProxySettings {
  readonly from: AddressList;
  readonly required: boolean;
  readonly timeoutMs: number;
  readonly maxHeaderBytes: number;
}

const DEFAULT_TIMEOUT_MS = 5_000;
/** The same as nginx. */
const DEFAULT_MAX_HEADER_BYTES = 4_096;

/** @throws StreamUsageError `ERR_STREAM_USAGE` if an option is invalid. */
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
