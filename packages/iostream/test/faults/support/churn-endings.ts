import type { Ending } from './churn-scene.ts';
import { CONNECTION_ENDINGS } from './connection-endings.ts';
import { WAITING_ENDINGS } from './waiting-endings.ts';

export const ENDINGS: readonly Ending[] = [...CONNECTION_ENDINGS, ...WAITING_ENDINGS];

/** Ways are letters: a TLS client, which begins with 0x16, names none. */
const FIRST_WAY = 0x41;

/** The first byte that a client sends: what is to happen to the connection. */
export function wayOf(ending: Ending): Buffer {
  return Buffer.from([FIRST_WAY + ENDINGS.indexOf(ending)]);
}

/** What a server does with a connection that began with `way`. */
export function endingOf(way: number): Ending | undefined {
  return ENDINGS[way - FIRST_WAY];
}
