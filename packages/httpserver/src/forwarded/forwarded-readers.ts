import type { HTTPHeaders } from '@landspout/http1';
import type { SocketAddress } from '@landspout/iostream';
import { readAddress, readNode } from './addresses.ts';
import { ListFromRight, lastElement } from './list-from-right.ts';
import type { TrustedProxies } from './trusted-proxies.ts';

/** What trusted proxies say about the client; `undefined` where they say nothing usable. */
export interface ForwardedClient {
  readonly address: SocketAddress | undefined;
  readonly protocol: 'http' | 'https' | undefined;
}

/** The header fields that the proxies write. The others are ignored, since a client can send them. */
export type ForwardedHeaders = 'x-forwarded' | 'x-real-ip' | 'forwarded';

/** Reads one set of header fields from a request that a trusted proxy sent. */
type Reader = (headers: HTTPHeaders, proxies: TrustedProxies) => ForwardedClient;

export const FORWARDED_READERS: Readonly<Record<ForwardedHeaders, Reader>> = {
  'x-forwarded': readXForwarded,
  'x-real-ip': readXRealIp,
  forwarded: readForwarded,
};

/**
 * Reads `X-Forwarded-For`, to which each proxy appends the address that it got the request from, and
 * `X-Forwarded-Proto`.
 */
function readXForwarded(headers: HTTPHeaders, proxies: TrustedProxies): ForwardedClient {
  const protocol = protocolOf(headers.get('X-Forwarded-Proto'));
  const chain = headers.get('X-Forwarded-For');
  if (chain === undefined) return { address: undefined, protocol };
  const list = new ListFromRight(chain);
  let client: SocketAddress | undefined;
  let text = list.previous();
  while (text !== undefined) {
    const address = readAddress(text);
    if (address === undefined) break;
    client = address;
    text = proxies.has(address) ? list.previous() : undefined;
  }
  return { address: client, protocol };
}

/** Reads `X-Real-Ip` and `X-Scheme`. The proxy overwrites `X-Real-Ip`, so a list in it is not from the proxy. */
function readXRealIp(headers: HTTPHeaders): ForwardedClient {
  const text = headers.get('X-Real-Ip');
  return {
    address: text === undefined ? undefined : readAddress(text),
    protocol: protocolOf(headers.get('X-Scheme')),
  };
}

/**
 * Reads `Forwarded` (RFC 7239). The protocol is taken from the element that names the client: it is how the client
 * connected to our outermost proxy. The search ends at an element without a usable address (`unknown`, `_hidden`). Its
 * `proto` is still used, since a trusted proxy wrote it, but the addresses to the left of it are not.
 */
function readForwarded(headers: HTTPHeaders, proxies: TrustedProxies): ForwardedClient {
  const chain = headers.get('Forwarded');
  if (chain === undefined) return { address: undefined, protocol: undefined };
  const list = new ListFromRight(chain);
  let client: SocketAddress | undefined;
  let protocol: ForwardedClient['protocol'];
  let text = list.previous();
  while (text !== undefined) {
    const { node, proto } = readElement(text);
    const address = node === undefined ? undefined : readNode(node);
    // An invalid element is ignored, and so is everything to the left of it.
    if (node === undefined && proto === undefined) break;
    protocol = protocolNamed(proto);
    if (address === undefined) break;
    client = address;
    text = proxies.has(address) ? list.previous() : undefined;
  }
  return { address: client, protocol };
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

/** The parameters of one `Forwarded` element that are used here. */
interface ForwardedElement {
  /** The `for` parameter: where the proxy got the request from. */
  readonly node: string | undefined;
  /** The `proto` parameter: the protocol of that request. */
  readonly proto: string | undefined;
}

const JUNK: ForwardedElement = { node: undefined, proto: undefined };

/**
 * Matches one parameter with its separator: a token, `=`, and a token or a quoted string. Blanks, which the grammar
 * does not allow, are accepted, because proxies put them after semicolons. Does not backtrack: each alternative starts
 * with a different character.
 */
const PAIR =
  /[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)|"((?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*)")[ \t]*)?(?:;|$)/y;

/**
 * Parses one element of RFC 7239 §4, whose length `ListFromRight` limits. `by`, `host` and extensions are skipped. An
 * element that violates the grammar or repeats a parameter is ignored completely.
 */
function readElement(text: string): ForwardedElement {
  let node: string | undefined;
  let proto: string | undefined;
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
    }
  }
  return { node, proto };
}
