import type { Clock } from '@landspout/ioloop';
import type { LogName } from '@landspout/topics';
import type { RedisLink } from '../connection/redis-link.ts';
import type { ReadMembers } from './followed-presence.ts';
import type { LogReader } from './log-reader.ts';
import type { RevocationCount } from './revocation-count.ts';

/** What all followed logs of a process share. */
export interface FollowServices {
  readonly link: RedisLink;
  readonly prefix: string;
  /** For timers. */
  readonly clock: Clock;
  readonly reader: LogReader;
  readonly revocations: RevocationCount;
  readonly readMembers: ReadMembers;
  /** Called when a newer version has written a log. */
  readonly onNewer: (log: LogName, version: number) => void;
}
