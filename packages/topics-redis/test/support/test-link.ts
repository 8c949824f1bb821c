import type { Logger } from '@landspout/ioloop';
import { openLink } from '../../src/backplane/open-link.ts';
import { LuaScript } from '../../src/connection/lua-script.ts';
import type { RedisLink } from '../../src/connection/redis-link.ts';
import type { RedisLinkOptions } from '../../src/connection/redis-options.ts';
import { atTheEnd } from './scratch.ts';

/** Appends to a list. @returns its length. */
export const APPEND = new LuaScript('append', "return redis.call('RPUSH', KEYS[1], ARGV[1])");

export const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Opens a link that is closed at the end of the test. */
export async function openTestLink(options: RedisLinkOptions): Promise<RedisLink> {
  const link = await openLink({ logger: SILENT, ...options });
  atTheEnd(() => link.close());
  return link;
}

/** Returns what the watchers of a link are notified of, as it grows. */
export function eventsOf(link: RedisLink): string[] {
  const events: string[] = [];
  link.watch({ lost: () => events.push('lost'), restored: () => events.push('restored') });
  return events;
}

/** Returns the messages of a channel, as they arrive. */
export async function messagesOf(link: RedisLink, channel: string): Promise<string[]> {
  const messages: string[] = [];
  await link.subscribe(channel, (message) => messages.push(message.toString()));
  return messages;
}

/** Returns the texts of a list. */
export async function listOf(link: RedisLink, key: string): Promise<string[]> {
  return ((await link.send(key, ['LRANGE', key, '0', '-1'])) as readonly Buffer[]).map(String);
}

/** Returns the code of the error with which each call rejects; `done` if it does not. */
export function outcomesOf(calls: readonly Promise<unknown>[]): Promise<string[]> {
  return Promise.all(
    calls.map((call) =>
      call.then(
        () => 'done',
        (error: { readonly code?: string }) => error.code ?? String(error),
      ),
    ),
  );
}
