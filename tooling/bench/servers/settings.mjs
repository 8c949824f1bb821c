// What every server under test answers, and the settings that all of them share.

export const BODY = 'Hello, world!';
export const CONTENT_TYPE = 'text/plain; charset=utf-8';
/** web names itself unless told not to, so every row sends this name: web stays as it comes. */
export const SERVER = 'Landspout';
export const HOST = '127.0.0.1';

/** How long an idle connection is kept; in the frameworks the defaults differ from 5 s to 75 s. */
export const IDLE_TIMEOUT_MS = 75_000;
