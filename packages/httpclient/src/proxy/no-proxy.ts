import { domainToASCII } from 'node:url';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { AddressList, isValidIp } from '@landspout/iostream';

/** Stands for "every port" where a port is 1 to 65535. */
const ANY_PORT = 0;
const MAX_PORT = 65_535;

/** `[address]`, with a prefix length and a port if there are any. */
const BRACKETED = /^\[([^\]]*)\](\/\d{1,3})?(?::(\d{1,5}))?$/;
const NAME_AND_PORT = /^([^:]*)(?::(\d{1,5}))?$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is ASCII.
const ASCII = /^[\x00-\x7f]*$/;

interface Entry {
  readonly host: string;
  readonly port: number;
}

/**
 * The hosts that are reached without a proxy, as in the variable `no_proxy`.
 *
 * The rules are those of curl. In addition, `*` may be one of several entries, and the forms with ports, brackets and
 * `*.` are accepted, which other programs know. Entries are separated by commas or white space:
 *
 * - `*` stands for every host.
 * - A name stands for that host and for all hosts below it; a leading dot or `*.` makes no difference.
 * - A numeric address stands for itself, and `10.0.0.0/8` or `fd00::/8` for a network. Addresses are compared by value,
 *   not by spelling; names are not resolved.
 * - `:port` after a name or address limits the entry to that port. IPv6 addresses then need brackets.
 *
 * Entries that are none of these are ignored.
 */
export class NoProxyList {
  readonly #ports = new Map<string, Set<number>>();
  readonly #addresses: { readonly port: number; readonly list: AddressList }[] = [];
  readonly #text: string;
  #isEverything = false;

  constructor(text: string) {
    this.#text = text;
    const addresses = new Map<number, string[]>();
    for (const written of text.split(/[\s,]+/)) {
      if (written === '*') this.#isEverything = true;
      const entry = parseEntry(written);
      if (entry === undefined) continue;
      const { host, port } = entry;
      if (isValidIp(host.split('/', 1)[0] as string)) {
        if (isUsable(host)) addresses.set(port, [...(addresses.get(port) ?? []), host]);
        continue;
      }
      const ports = this.#ports.get(host) ?? new Set();
      this.#ports.set(host, ports.add(port));
    }
    for (const [port, hosts] of addresses) this.#addresses.push({ port, list: new AddressList(hosts) });
  }

  /** Whether a host is reached without a proxy. @param host - a name or an address, with or without brackets. */
  includes(host: string, port: number): boolean {
    if (this.#isEverything) return true;
    const name = withoutBrackets(host).toLowerCase().replace(/\.$/, '');
    if (isValidIp(name)) return this.#includesAddress(name, port);
    let from = 0;
    do {
      const ports = this.#ports.get(name.slice(from));
      if (ports !== undefined && (ports.has(ANY_PORT) || ports.has(port))) return true;
      from = name.indexOf('.', from) + 1;
    } while (from > 0);
    return false;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ entries: this.#text }));
  }

  #includesAddress(address: string, port: number): boolean {
    const family = address.includes(':') ? 'IPv6' : 'IPv4';
    for (const { port: listed, list } of this.#addresses) {
      if ((listed === ANY_PORT || listed === port) && list.has({ family, address, port })) return true;
    }
    return false;
  }
}

/**
 * Whether a connection to a host uses the proxy, if there is one.
 *
 * @param noProxyList - a {@link NoProxyList}, or the text of one. A text is parsed by each call.
 */
export function usesProxy(noProxyList: string | NoProxyList, host: string, port: number): boolean {
  const list = typeof noProxyList === 'string' ? new NoProxyList(noProxyList) : noProxyList;
  return !list.includes(host, port);
}

function parseEntry(written: string): Entry | undefined {
  const bracketed = BRACKETED.exec(written);
  if (bracketed !== null) {
    const [, address = '', prefix = '', port] = bracketed;
    return entryOf(`${address}${prefix}`, port);
  }
  // More than one colon: an IPv6 address without brackets, and therefore without a port.
  if (written.indexOf(':') !== written.lastIndexOf(':')) return entryOf(written, undefined);
  const [, host, port] = NAME_AND_PORT.exec(written) ?? [];
  return host === undefined ? undefined : entryOf(host, port);
}

function entryOf(host: string, portText: string | undefined): Entry | undefined {
  const port = portText === undefined ? ANY_PORT : Number(portText);
  if (portText !== undefined && (port < 1 || port > MAX_PORT)) return undefined;
  const bare = host
    .toLowerCase()
    .replace(/^\*?\./, '')
    .replace(/\.$/, '');
  const name = ASCII.test(bare) ? bare : domainToASCII(bare);
  return name === '' || name === '*' ? undefined : { host: name, port };
}

/** Whether an entry that starts with an address is a single address or a valid network. */
function isUsable(entry: string): boolean {
  try {
    return new AddressList([entry]) !== undefined;
  } catch {
    return false;
  }
}

function withoutBrackets(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}
