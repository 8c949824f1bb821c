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

const DEFAULT_HOST = 'localhost';
const DEFAULT_PORT = 6379;

/** Where a server is, for messages; without the password. */
export function addressOf({ url, socket = {} }: ServerOptions): string {
  if (url !== undefined) return addressOfUrl(url);
  if ('path' in socket && typeof socket.path === 'string') return socket.path;
  const { host = DEFAULT_HOST, port = DEFAULT_PORT } = socket as { host?: string; port?: number };
  return addressText(host, port);
}

export function addressText(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function addressOfUrl(url: string): string {
  if (url.startsWith('unix:')) return url.replace(/^unix:\/\/([^/]*@)?/, '').replace(/\?.*$/, '');
  const { hostname, port } = new URL(url);
  return `${hostname || DEFAULT_HOST}:${port || DEFAULT_PORT}`;
}
