// What every server under test answers, and the settings that all of them share.

/** What is served by this process: JSON as its first argument; nothing for `Hello, world!`. */
const { downBytes = 0, upBytes = 0, crowd } = JSON.parse(process.argv[2] ?? '{}');

/** The same for every request: bytes that were made before, where a large body was asked for. */
export const BODY = downBytes > 0 ? Buffer.alloc(downBytes, 'All work and no play. ') : 'Hello, world!';
/**
 * For a server that has a crowd of bad clients: how long they may be slow, and what `/large` answers, whose bytes are
 * the same Buffer each time unless they are to be `fresh`.
 *
 * @type {{ deadlineMs: number, answerBytes: number, fresh: boolean } | undefined}
 */
export const CROWD = crowd;
/** Whether requests bring a body, of which the handler has the whole before it answers how long it was. */
export const UPLOADS = upBytes > 0;
export const CONTENT_TYPE = 'text/plain; charset=utf-8';
/** web names itself unless told not to, so every row sends this name: web stays as it comes. */
export const SERVER = 'Landspout';
export const HOST = '127.0.0.1';

/** How long an idle connection is kept; in the frameworks the defaults differ from 5 s to 75 s. */
export const IDLE_TIMEOUT_MS = 75_000;
