import type { LogName } from '@landspout/topics';

/**
 * The names of the keys of one log. All begin with the same hash tag, so that a cluster keeps them on one node, and the
 * scripts may use them together.
 */
export interface LogKeys {
  /** The channel of the announcements of this log, and the beginning of its keys. */
  readonly channel: string;
  /** The stream of its records. */
  readonly log: string;
  /** A hash: what is known of the log beside its records. */
  readonly meta: string;
}

/** The characters of a name that stand for themselves in a key. All others are written as %XX of their UTF-8 bytes. */
const PLAIN = /[A-Za-z0-9._~-]/;

/** Returns the keys of a log. */
export function keysOf(prefix: string, { kind, name }: LogName): LogKeys {
  const channel = `${prefix}:{${kind === 'topic' ? 't' : 'r'}:${encodeName(name)}}`;
  return { channel, log: `${channel}:log`, meta: `${channel}:meta` };
}

/**
 * Returns the key of a text: how a run has ended, as it was announced. It is kept longer than the run.
 *
 * @param channel - of the run.
 */
export function endKeyOf(channel: string): string {
  return `${channel}:end`;
}

const ALL_PLAIN = /^[A-Za-z0-9._~-]*$/;

/** Encodes a name, so that `{`, `}`, `:` and spaces in it mean nothing in a key. */
function encodeName(name: string): string {
  if (ALL_PLAIN.test(name)) return name;
  let encoded = '';
  for (const byte of Buffer.from(name)) {
    const character = String.fromCharCode(byte);
    const hex = byte.toString(16).toUpperCase().padStart(2, '0');
    encoded += PLAIN.test(character) ? character : `%${hex}`;
  }
  return encoded;
}
