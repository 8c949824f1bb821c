import type { HTTPHeaders } from '@landspout/http1';
import { splitHostAndPort } from '@landspout/http1/protocol';
import type { SocketAddress } from '@landspout/iostream';
import { readAddress, readNode } from './addresses.ts';
import { ListFromRight, lastElement } from './list-from-right.ts';
import type { TrustedProxies } from './trusted-proxies.ts';

/** What trusted proxies report about the client. A value is `undefined` if they report nothing usable. */
export interface ForwardedClient {
  readonly address: SocketAddress | undefined;
  readonly protocol: 'http' | 'https' | undefined;
  /**
   * The `host[:port]` to which the client sent the request. Always `undefined` if `readsHost` of {@link Reader} is
   * false.
   */
  readonly host: string | undefined;
}

/** The set of header fields that the proxies write. Other fields are ignored, because a client can send them. */
export type ForwardedHeaders = 'x-forwarded' | 'x-real-ip' | 'forwarded';

/**
 * Reads one set of header fields from a request that a trusted proxy sent.
 *
 * @param readsHost - whether the proxies also write the host.
 */
type Reader = (headers: HTTPHeaders, proxies: TrustedProxies, readsHost: boolean) => ForwardedClient;

export const FORWARDED_READERS: Readonly<Record<ForwardedHeaders, Reader>> = {
  'x-forwarded': readXForwarded,
  'x-real-ip': readXRealIp,
  forwarded: readForwarded,
};

/**
 * Reads `X-Forwarded-For`, to which each proxy appends the address from which it received the request, and
 * `X-Forwarded-Proto` and `X-Forwarded-Host`.
 */
function readXForwarded(headers: HTTPHeaders, proxies: TrustedProxies, readsHost: boolean): ForwardedClient {
  const protocol = protocolOf(headers.get('X-Forwarded-Proto'));
  const host = readsHost ? lastHostOf(headers.get('X-Forwarded-Host')) : undefined;
  const chain = headers.get('X-Forwarded-For');
  if (chain === undefined) return { address: undefined, protocol, host };
  const list = new ListFromRight(chain);
  let client: SocketAddress | undefined;
  let text = list.previous();
  while (text !== undefined) {
    const address = readAddress(text);
    if (address === undefined) break;
    client = address;
    text = proxies.has(address) ? list.previous() : undefined;
  }
  return { address: client, protocol, host };
}

/**
 * Reads `X-Real-Ip` and `X-Scheme`. The proxy overwrites `X-Real-Ip`, so a list in this field is not from the proxy.
 */
function readXRealIp(headers: HTTPHeaders): ForwardedClient {
  const text = headers.get('X-Real-Ip');
  return {
    address: text === undefined ? undefined : readAddress(text),
    protocol: protocolOf(headers.get('X-Scheme')),
    host: undefined,
  };
}

/**
 * Reads `Forwarded` (RFC 7239). Protocol and host are taken from the element with the client's address, because they
 * describe how the client connected to our outermost proxy. The search ends at an element without a usable address
 * (`unknown`, `_hidden`). The `proto` and `host` of that element are used, because a trusted proxy wrote them, but
 * elements to its left are not.
 */
function readForwarded(headers: HTTPHeaders, proxies: TrustedProxies, readsHost: boolean): ForwardedClient {
  const chain = headers.get('Forwarded');
  if (chain === undefined) return { address: undefined, protocol: undefined, host: undefined };
  const list = new ListFromRight(chain);
  let client: SocketAddress | undefined;
  let protocol: ForwardedClient['protocol'];
  let host: string | undefined;
  let text = list.previous();
  while (text !== undefined) {
    const element = readElement(text);
    const { node, proto } = element;
    const named = readsHost ? element.host : undefined;
    const address = node === undefined ? undefined : readNode(node);
    // An invalid element and everything to its left are ignored.
    if (node === undefined && proto === undefined && named === undefined) break;
    protocol = protocolNamed(proto);
    host = named === undefined ? undefined : validHost(named);
    if (address === undefined) break;
    client = address;
    text = proxies.has(address) ? list.previous() : undefined;
  }
  return { address: client, protocol, host };
}

/** The nearest proxy wrote the last element of the list. */
function protocolOf(field: string | undefined): ForwardedClient['protocol'] {
  return field === undefined ? undefined : protocolNamed(lastElement(field));
}

/** Schemes are case-insensitive (RFC 3986 §3.1). Any other scheme is ignored. */
function protocolNamed(text: string | undefined): ForwardedClient['protocol'] {
  const scheme = text?.toLowerCase();
  return scheme === 'http' || scheme === 'https' ? scheme : undefined;
}

/** Proxies append to this list, too: the nearest proxy wrote the last element. */
function lastHostOf(field: string | undefined): string | undefined {
  return field === undefined ? undefined : validHost(lastElement(field));
}

/** Returns the text if it is a valid, nonempty Host header value (RFC 9110 §7.2), otherwise undefined. */
function validHost(text: string): string | undefined {
  return splitHostAndPort(text) === undefined ? undefined : text;
}

/** The parameters of one `Forwarded` element that are used here. */
interface ForwardedElement {
  /** The `for` parameter: from where the proxy received the request. */
  readonly node: string | undefined;
  /** The `proto` parameter: the protocol of that request. */
  readonly proto: string | undefined;
  /** The `host` parameter: the Host of that request. */
  readonly host: string | undefined;
}

const JUNK: ForwardedElement = { node: undefined, proto: undefined, host: undefined };

/**
 * Matches one parameter with its separator: a token, `=`, and a token or a quoted string. Spaces and tabs are accepted,
 * although the grammar does not allow them, because proxies put them after semicolons. The expression does not
 * backtrack, because each alternative starts with a different character.
 */
const PAIR =
  /[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)|"((?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*)")[ \t]*)?(?:;|$)/y;

/**
 * Parses one element of RFC 7239 §4. `ListFromRight` has limited its length. `by` and extensions are skipped. An
 * element that violates the grammar or repeats a parameter is ignored completely.
 */
function readElement(text: string): ForwardedElement {
  let node: string | undefined;
  let proto: string | undefined;
  let host: string | undefined;
  PAIR.lastIndex = 0;
  while (PAIR.lastIndex < text.length) {
    const match = PAIR.exec(text);
    if (match === null) return JUNK;
    const [, name, token, quoted] = match;
    const value = token ?? quoted?.replace(/\\(.)/g, '$1');
    // RFC 7239 §4: parameter names are case-insensitive, and each occurs at most once.
    switch (name?.toLowerCase()) {
      case 'for':
        if (node !== undefined) return JUNK;
        node = value;
        break;
      case 'proto':
        if (proto !== undefined) return JUNK;
        proto = value;
        break;
      case 'host':
        if (host !== undefined) return JUNK;
        host = value;
        break;
    }
  }
  return { node, proto, host };
}
