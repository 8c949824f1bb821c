import { runInRootContext } from '@landspout/ioloop/reactor';
import { AnnouncementsConnection } from '../connection/announcements-connection.ts';
import { ClusterConnections } from '../connection/cluster-connections.ts';
import { AnyNodeEndpoint, FixedEndpoint } from '../connection/endpoint.ts';
import { reasonOf, replyCode } from '../connection/link-errors.ts';
import type { RedisLink } from '../connection/redis-link.ts';
import {
  type ClusterOptions,
  type LinkRules,
  type RedisLinkOptions,
  type RedisTarget,
  requireLinkOptions,
} from '../connection/redis-options.ts';
import { SentinelEndpoint } from '../connection/sentinel/sentinel-endpoint.ts';
import { addressOf, type ServerOptions } from '../connection/server-options.ts';
import { SingleConnection } from '../connection/single-connection.ts';
import { TwoConnectionLink } from '../connection/two-connection-link.ts';
import { RedisBackplaneError } from '../errors.ts';

/**
 * Connects to Redis. The link does not keep the process alive, nor do calls that wait: `ProcessHold` does.
 *
 * @throws RedisUsageError `ERR_TOPICS_REDIS_USAGE` if an option is invalid.
 * @throws RedisBackplaneError `ERR_TOPICS_REDIS_CONNECT` if a first attempt fails; see its `cause`. Nothing stays open.
 */
export async function openLink(options: RedisLinkOptions): Promise<RedisLink> {
  const rules = requireLinkOptions('RedisBackplane.connect', options);
  const link = makeLink(rules);
  try {
    await inRootContext(() => link.open());
    return link;
  } catch (error) {
    throw new RedisBackplaneError('ERR_TOPICS_REDIS_CONNECT', problemOf(rules, error as Error), {
      cause: error,
    });
  }
}

function makeLink(rules: LinkRules): TwoConnectionLink {
  const { target, connection, limits } = rules;
  if (target.kind === 'cluster') return clusterLink(target.cluster, rules);
  const endpoint =
    target.kind === 'sentinel'
      ? new SentinelEndpoint(target.sentinel, connection, () => {
          commands.recheck();
          announcements.recheck();
        })
      : new FixedEndpoint(target.server);
  const commands = new SingleConnection(endpoint, connection);
  const announcements = new AnnouncementsConnection(endpoint, connection);
  return new TwoConnectionLink(commands, announcements, limits, connection.log);
}

/** Runs what outlives its caller: its timers and sockets, and all that they call, are in no context of the caller. */
function inRootContext<Result>(begin: () => Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    runInRootContext(() => void begin().then(resolve, reject), undefined);
  });
}

/** A node of a cluster passes each announcement on to all others, so that a connection to one of them is enough. */
function clusterLink(options: ClusterOptions, { connection, limits }: LinkRules): TwoConnectionLink {
  const commands = new ClusterConnections(options, connection, () => {
    if (!endpoint.isPresent) announcements.renew(new Error('the node serves no slots any more'));
  });
  const endpoint = new AnyNodeEndpoint(
    () => commands.primaries,
    (address) => commands.serverAt(address),
  );
  const announcements = new AnnouncementsConnection(endpoint, connection);
  return new TwoConnectionLink(commands, announcements, limits, connection.log);
}

/** Describes why Redis cannot be used, and what can be done. */
function problemOf({ target }: LinkRules, error: Error): string {
  const remedy = remedyOf(target, error);
  const problem = `${nameOf(target)} cannot be used: ${reasonOf(error)}`;
  return remedy === undefined ? problem : `${problem}; ${remedy}`;
}

function nameOf(target: RedisTarget): string {
  if (target.kind === 'server') return `Redis at ${addressOf(target.server)}`;
  return target.kind === 'sentinel' ? `the primary ${target.sentinel.name}` : 'the cluster of Redis';
}

const NO_CREDENTIALS: ReadonlySet<string | undefined> = new Set(['NOAUTH', 'WRONGPASS', 'NOPERM']);
const UNREACHABLE: ReadonlySet<string | undefined> = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/** Codes of errors when a server does not speak TLS; without a code: there was no reply. */
const NO_TLS: ReadonlySet<string | undefined> = new Set([
  undefined,
  'ECONNRESET',
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
]);

function remedyOf(target: RedisTarget, error: Error): string | undefined {
  const code = replyCode(error);
  if (NO_CREDENTIALS.has(code)) return 'set the username and the password that Redis expects';
  if (code === 'LOADING') return 'connect again when Redis has loaded its data';
  const { code: systemCode } = error as NodeJS.ErrnoException;
  if (UNREACHABLE.has(systemCode)) return 'start Redis there, or correct its address';
  const isServerOverTls = target.kind === 'server' && usesTls(target.server);
  if (isServerOverTls && code === undefined && NO_TLS.has(systemCode)) {
    return 'does it speak TLS at this port? For a server without TLS write redis: instead of rediss:, or no socket.tls';
  }
  return undefined;
}

function usesTls({ url, socket }: ServerOptions): boolean {
  return url === undefined
    ? (socket as { tls?: boolean } | undefined)?.tls === true
    : url.startsWith('rediss:');
}
