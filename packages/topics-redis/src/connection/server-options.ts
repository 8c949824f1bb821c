import type { RedisClientOptions } from '@redis/client';

/**
 * How one server is connected to: those options of `createClient` of `@redis/client` that are not determined by the
 * backplane.
 */
export type ServerOptions = Pick<
  RedisClientOptions,
  | 'url'
  | 'socket'
  | 'username'
  | 'password'
  | 'credentialsProvider'
  | 'name'
  | 'database'
  | 'disableClientInfo'
  | 'clientInfoTag'
>;

/** Where a server is. */
export interface NodeAddress {
  readonly host: string;
  readonly port: number;
}

/** Where servers are reached, by the address that Redis itself gives; for a network with other addresses. */
export type AddressMap =
  | Readonly<Record<string, NodeAddress>>
  | ((address: string) => NodeAddress | undefined);

/** Returns the options for one of several servers. @param common - those of all of them. */
export function serverAt(
  address: NodeAddress,
  common: ServerOptions,
  map: AddressMap | undefined,
): ServerOptions {
  const text = addressText(address.host, address.port);
  const mapped = typeof map === 'function' ? map(text) : map?.[text];
  const { host, port } = mapped ?? address;
  return { ...common, socket: { ...common.socket, host, port } } as ServerOptions;
}

const DEFAULT_HOST = 'localhost';
const DEFAULT_PORT = 6379;

/** Where a server is, for messages; without the password. */
export function addressOf({ url, socket = {} }: ServerOptions): string {
  if (url !== undefined) return addressOfUrl(url);
  if ('path' in socket && typeof socket.path === 'string') return socket.path;
  const { host = DEFAULT_HOST, port = DEFAULT_PORT } = socket as { host?: string; port?: number };
  return addressText(host, port);
}

/** Returns the text that Redis Cluster and `nodeAddressMap` use. */
export function addressText(host: string, port: number): string {
  return `${host}:${port}`;
}

/** Reads the text of {@link addressText}. */
export function nodeAddress(text: string): NodeAddress {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}

function addressOfUrl(url: string): string {
  if (url.startsWith('unix:')) return url.replace(/^unix:\/\/([^/]*@)?/, '').replace(/\?.*$/, '');
  const { hostname, port } = new URL(url);
  return `${hostname || DEFAULT_HOST}:${port || DEFAULT_PORT}`;
}
