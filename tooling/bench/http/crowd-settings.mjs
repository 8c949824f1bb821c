import { SPARE_FILES } from '../stage.mjs';

/**
 * A crowd of bad clients of three kinds, and the normal one beside it.
 *
 * @typedef {object} Crowd
 * @property {number} ofEachKind
 * @property {number} comeMs - in which all of them connect.
 * @property {number} stayMs - for which a normal client is then measured beside them.
 * @property {number} deadlineMs - of the server, for heads, and for the progress of bodies and readers.
 * @property {number} answerBytes - of what the never-reading ones ask for.
 * @property {number} asks - how often each of those asks for it, at once.
 * @property {boolean} fresh - whether the server makes each answer anew.
 * @property {{ connections: number, paceUs: number }} normal - one request on each connection every so often.
 */

const KINDS = 3;
const MIB = 1024 * 1024;
/** Slow enough for each server to accept them: this is not about how many connections a second it can take. */
const COME_MS = 6000;
/** To make 5,000 answers of 1 MiB takes a core some seconds by itself. */
const COME_FRESH_MS = 15_000;
/** From the end of the measurement until the first of them may have to go. */
const SPARE_MS = 3000;

/**
 * Those of the servers that can set all of these deadlines. One that is there for comparison may fail.
 *
 * @type {Readonly<Record<string, { program: string, mayFail?: true }>>}
 */
export const CROWD_SERVERS = {
  httpserver: { program: 'crowd-httpserver' },
  'httpserver-portable': { program: 'crowd-httpserver' },
  'node-http': { program: 'crowd-node-http', mayFail: true },
};

/**
 * @param {{ crowd: number, fresh: boolean, measureMs: number, files: number }} options - `files` bounds the crowd.
 * @returns {Crowd | undefined} undefined where there shall be none.
 */
export function crowdOf({ crowd, fresh, measureMs, files }) {
  if (crowd === 0) return undefined;
  const ofEachKind = Math.min(crowd, Math.floor((files - SPARE_FILES) / KINDS));
  const [comeMs, stayMs] = [fresh ? COME_FRESH_MS : COME_MS, 2 * measureMs];
  return {
    ofEachKind,
    comeMs,
    stayMs,
    deadlineMs: comeMs + stayMs + SPARE_MS,
    answerBytes: MIB,
    // Far more than a connection may have waiting: the server must not begin what it cannot send.
    asks: 32,
    fresh,
    normal: { connections: 8, paceUs: 4000 },
  };
}
