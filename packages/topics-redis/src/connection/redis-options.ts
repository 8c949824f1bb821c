import { type Clock, consoleLogger, type Logger, systemClock } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { acceptLogger, RateLimitedLog } from '@landspout/ioloop/reactor';
import type { RedisClusterOptions, RedisSentinelOptions } from '@redis/client';
import { RedisUsageError, redisChecks } from '../errors.ts';
import type { ConnectionRules } from './lasting-connection.ts';
import { OutageLog } from './outage-log.ts';
import type { ServerOptions } from './server-options.ts';
import type { WaitingLimits } from './two-connection-link.ts';

/** Which primary behind sentinels is connected to: some options of `createSentinel` of `@redis/client`. */
export type SentinelOptions = Pick<
  RedisSentinelOptions,
  'name' | 'sentinelRootNodes' | 'nodeClientOptions' | 'sentinelClientOptions' | 'nodeAddressMap'
>;

/** Which cluster is connected to: some options of `createCluster` of `@redis/client`. */
export type ClusterOptions = Pick<RedisClusterOptions, 'rootNodes' | 'defaults' | 'nodeAddressMap'>;

/** What can be connected to. */
interface RedisTargets {
  /** `redis[s]://[[username][:password]@]host[:port][/database]`, or `unix://[[username][:password]@]/path`. */
  readonly url: string;
  /** One server, as `createClient` of `@redis/client` expects it. */
  readonly client: ServerOptions;
  /** The primary that sentinels name. After a failover the new one is connected to. */
  readonly sentinel: SentinelOptions;
  /** A cluster. Each node with slots is connected to. */
  readonly cluster: ClusterOptions;
}

/** Exactly one of the properties. */
type OneOf<Choices> = {
  [Name in keyof Choices]: Pick<Choices, Name> & {
    readonly [Other in Exclude<keyof Choices, Name>]?: undefined;
  };
}[keyof Choices];

/** How Redis is connected to: exactly one of `url`, `client`, `sentinel` and `cluster`, and settings. */
export type RedisLinkOptions = OneOf<RedisTargets> & RedisLinkSettings;

/** Times and limits of the connections. */
export interface RedisLinkSettings {
  /** Longest time until a server is ready after a connection to it is begun, in milliseconds. Default: 5000. */
  readonly connectTimeoutMs?: number | undefined;
  /** Time between two checks whether a connection works, in milliseconds. Default: 5000. */
  readonly pingIntervalMs?: number | undefined;
  /** Longest time without any reply, after which a connection is given up, in milliseconds. Default: 5000. */
  readonly pingTimeoutMs?: number | undefined;
  /** Most calls that wait for Redis; more reject with `ERR_TOPICS_BUSY`. Default: 10,000. */
  readonly maxWaitingCalls?: number | undefined;
  /** Most bytes of the calls that wait. Default: 64 MiB. */
  readonly maxWaitingBytes?: number | undefined;
  /** Default: the console. */
  readonly logger?: Logger | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
}

/** For the options of a backplane, which are these and others. */
export const REDIS_LINK_OPTIONS: OptionNames<RedisLinkOptions> = {
  url: true,
  client: true,
  sentinel: true,
  cluster: true,
  connectTimeoutMs: true,
  pingIntervalMs: true,
  pingTimeoutMs: true,
  maxWaitingCalls: true,
  maxWaitingBytes: true,
  logger: true,
  clock: true,
};

const DEFAULT_CONNECT_TIMEOUT_MS = 5000;
const DEFAULT_PING_MS = 5000;
const DEFAULT_MAX_WAITING_CALLS = 10_000;
const DEFAULT_MAX_WAITING_BYTES = 64 * 1024 * 1024;

const SERVER_OPTIONS: OptionNames<ServerOptions> = {
  url: true,
  socket: true,
  username: true,
  password: true,
  credentialsProvider: true,
  name: true,
  database: true,
  disableClientInfo: true,
  clientInfoTag: true,
};

const SENTINEL_OPTIONS: OptionNames<SentinelOptions> = {
  name: true,
  sentinelRootNodes: true,
  nodeClientOptions: true,
  sentinelClientOptions: true,
  nodeAddressMap: true,
};

const CLUSTER_OPTIONS: OptionNames<ClusterOptions> = {
  rootNodes: true,
  defaults: true,
  nodeAddressMap: true,
};

/** What is connected to. */
export type RedisTarget =
  | { readonly kind: 'server'; readonly server: ServerOptions }
  | { readonly kind: 'sentinel'; readonly sentinel: SentinelOptions }
  | { readonly kind: 'cluster'; readonly cluster: ClusterOptions };

/** The options with their defaults. */
export interface LinkRules {
  readonly target: RedisTarget;
  readonly connection: ConnectionRules;
  readonly limits: WaitingLimits;
}

/**
 * Checks the options of a link. Unknown names are the caller's to refuse, who may know more.
 *
 * @throws RedisUsageError `ERR_TOPICS_REDIS_USAGE`.
 */
export function requireLinkOptions(operation: string, options: RedisLinkOptions): LinkRules {
  const { logger, clock = systemClock } = options;
  redisChecks.withMethods(operation, 'a clock', clock, 'now', 'wallTime', 'setTimeout');
  const target = { logger: logger === undefined ? consoleLogger : acceptLogger(logger), clock };
  const duration = (name: 'connectTimeoutMs' | 'pingIntervalMs' | 'pingTimeoutMs', fallback: number) =>
    redisChecks.durationMs(operation, name, options[name] ?? fallback, 1);
  const whole = (name: 'maxWaitingCalls' | 'maxWaitingBytes', fallback: number) =>
    redisChecks.wholeNumber(operation, name, options[name] ?? fallback, 1);
  return {
    target: requireTarget(operation, options),
    connection: {
      connectTimeoutMs: duration('connectTimeoutMs', DEFAULT_CONNECT_TIMEOUT_MS),
      pingIntervalMs: duration('pingIntervalMs', DEFAULT_PING_MS),
      pingTimeoutMs: duration('pingTimeoutMs', DEFAULT_PING_MS),
      clock,
      log: new RateLimitedLog(target),
      outages: new OutageLog(target),
    },
    limits: {
      maxWaitingCalls: whole('maxWaitingCalls', DEFAULT_MAX_WAITING_CALLS),
      maxWaitingBytes: whole('maxWaitingBytes', DEFAULT_MAX_WAITING_BYTES),
    },
  };
}

function requireTarget(operation: string, options: RedisLinkOptions): RedisTarget {
  const { url, client, sentinel, cluster } = options;
  if ([url, client, sentinel, cluster].filter((target) => target !== undefined).length !== 1) {
    throw usage(operation, 'exactly one of url, client, sentinel and cluster was expected');
  }
  if (sentinel !== undefined) return { kind: 'sentinel', sentinel: requireSentinel(operation, sentinel) };
  if (cluster !== undefined) return { kind: 'cluster', cluster: requireCluster(operation, cluster) };
  return { kind: 'server', server: requireServer(operation, 'client', client ?? { url: url as string }) };
}

function requireSentinel(operation: string, sentinel: SentinelOptions): SentinelOptions {
  redisChecks.options(`${operation}: sentinel`, sentinel, SENTINEL_OPTIONS);
  const { name, sentinelRootNodes, nodeClientOptions = {}, sentinelClientOptions = {} } = sentinel;
  if (typeof name !== 'string' || name === '') {
    throw redisChecks.wrong(operation, 'sentinel.name: the name of the primary', name);
  }
  requireList(operation, 'sentinel.sentinelRootNodes', sentinelRootNodes);
  requireServer(operation, 'sentinel.nodeClientOptions', nodeClientOptions as ServerOptions);
  requireServer(operation, 'sentinel.sentinelClientOptions', sentinelClientOptions as ServerOptions);
  return sentinel;
}

function requireCluster(operation: string, cluster: ClusterOptions): ClusterOptions {
  redisChecks.options(`${operation}: cluster`, cluster, CLUSTER_OPTIONS);
  const { rootNodes, defaults = {} } = cluster;
  requireList(operation, 'cluster.rootNodes', rootNodes);
  for (const node of rootNodes) requireServer(operation, 'cluster.rootNodes', node as ServerOptions);
  requireServer(operation, 'cluster.defaults', defaults as ServerOptions);
  return cluster;
}

function requireList(operation: string, name: string, value: unknown): void {
  if (Array.isArray(value) && value.length > 0) return;
  throw redisChecks.wrong(operation, `${name}: an array of at least one node`, value);
}

/** Options of a socket that would end connections, or make new ones, without the knowledge of the backplane. */
const REFUSED_OF_SOCKET = ['reconnectStrategy', 'socketTimeout'];

/** Options of a socket that are often written one level too high. */
const OPTIONS_OF_SOCKET = ['host', 'port', 'tls', 'path'];

/**
 * Refuses options of a socket among others.
 *
 * @param remedy - says where they belong.
 * @throws RedisUsageError `ERR_TOPICS_REDIS_USAGE`.
 */
export function refuseSocketOptions(operation: string, options: object, remedy: string): void {
  const found = OPTIONS_OF_SOCKET.find((name) => (options as Record<string, unknown>)?.[name] !== undefined);
  if (found !== undefined) throw usage(operation, `unknown option "${found}"; ${remedy}`);
}

function requireServer(operation: string, name: string, server: ServerOptions): ServerOptions {
  refuseSocketOptions(`${operation}: ${name}`, server, `write socket: { host, port }`);
  redisChecks.options(`${operation}: ${name}`, server, SERVER_OPTIONS);
  const { url, socket } = server;
  if (url !== undefined) requireUrl(operation, url);
  for (const refused of REFUSED_OF_SOCKET) {
    if (socket !== undefined && refused in socket) {
      throw usage(
        operation,
        `${name}.socket.${refused}: the backplane itself decides this, see pingTimeoutMs`,
      );
    }
  }
  return server;
}

/** Not a URL as Node reads it: it has no host. */
const UNIX_URL = /^unix:\/\/(?:[^@/]*@)?\/[^?#]+/;

function requireUrl(operation: string, url: unknown): void {
  if (typeof url === 'string') {
    if (UNIX_URL.test(url)) return;
    if (URL.canParse(url) && ['redis:', 'rediss:'].includes(new URL(url).protocol)) return;
  }
  // Not shown: it may contain a password.
  throw usage(operation, 'url: redis://…, rediss://… or unix:///… was expected, and is not what was given');
}

function usage(operation: string, problem: string): RedisUsageError {
  return new RedisUsageError('ERR_TOPICS_REDIS_USAGE', `${operation}: ${problem}`);
}
