import type { HTTPHeaders } from '@landspout/http1';
import type { SocketAddress } from '@landspout/iostream';
import { readAddress, readNode } from './addresses.ts';
import { ListFromRight, lastElement } from './list-from-right.ts';
import type { TrustedProxies } from './trusted-proxies.ts';

/** What the proxies say; `undefined` where they say nothing that is believed. */
export interface ForwardedClient {
  readonly address: SocketAddress | undefined;
  readonly protocol: 'http' | 'https' | undefined;
}

/** Which headers the proxies write. One family is believed, and the others are anybody's. */
export type ForwardedHeaders = 'x-forwarded' | 'x-real-ip' | 'forwarded';

/** Reads one family of headers, of a request whose peer is a trusted proxy. */
type Reader = (headers: HTTPHeaders, proxies: TrustedProxies) => ForwardedClient;

export const FORWARDED_READERS: Readonly<Record<ForwardedHeaders, Reader>> = {
  'x-forwarded': readXForwarded,
  'x-real-ip': readXRealIp,
  forwarded: readForwarded,
};

/** `X-Forwarded-For`, to which each proxy appends whom it got the request from, and `X-Forwarded-Proto`. */
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

/** `X-Real-Ip` and `X-Scheme`, which the proxy overwrites: a list in the first is none of its making. */
function readXRealIp(headers: HTTPHeaders): ForwardedClient {
  const text = headers.get('X-Real-Ip');
  return {
    address: text === undefined ? undefined : readAddress(text),
    protocol: protocolOf(headers.get('X-Scheme')),
  };
}

/**
 * RFC 7239. The protocol is that of the very element which names the client: how it spoke to the outermost of our
 * proxies. An element without an address we can use (`unknown`, `_hidden`) is still the word of a trusted proxy, whose
 * `proto` holds; who stood further to the left cannot be known behind it.
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
    // Of a broken element nothing is believed, and what was known before it holds.
    if (node === undefined && proto === undefined) break;
    protocol = protocolNamed(proto);
    if (address === undefined) break;
    client = address;
    text = proxies.has(address) ? list.previous() : undefined;
  }
  return { address: client, protocol };
}

/** The last item of a list is what the nearest proxy has said. */
function protocolOf(field: string | undefined): ForwardedClient['protocol'] {
  return field === undefined ? undefined : protocolNamed(lastElement(field));
}

/** Schemes are case-insensitive (RFC 3986 §3.1). No other one can have brought a request here. */
function protocolNamed(text: string | undefined): ForwardedClient['protocol'] {
  const scheme = text?.toLowerCase();
  return scheme === 'http' || scheme === 'https' ? scheme : undefined;
}

/** What we want to know of one element of `Forwarded`. */
interface ForwardedElement {
  /** Who the proxy got the request from. */
  readonly node: string | undefined;
  /** How it got it. */
  readonly proto: string | undefined;
}

const JUNK: ForwardedElement = { node: undefined, proto: undefined };

/**
 * One parameter and what separates it from the next: a token, `=`, and a token or a quoted string. The grammar has no
 * blanks, and proxies put them behind the semicolons. The alternatives begin differently, so that it never goes back.
 */
const PAIR =
  /[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)|"((?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*)")[ \t]*)?(?:;|$)/y;

/**
 * Reads one element of RFC 7239 §4, which `ListFromRight` has bounded. `by`, `host` and extensions are passed over.
 * One that breaks the grammar, or names a parameter twice, says nothing at all.
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
    // RFC 7239 §4: names are case-insensitive, and each occurs once.
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
