import { createHash, randomBytes } from 'node:crypto';
import type { AnyHandler } from '../handler/lifecycle.ts';

/** One sign-in that has begun: what is needed to complete it, which only the browser that began it has. */
export interface SignInFlow {
  /** Of the provider, so that the response of another is refused. */
  readonly provider: string;
  readonly state: string;
  /** For the ID token; undefined for OAuth 2.0. */
  readonly nonce: string | undefined;
  /** For PKCE (RFC 7636). */
  readonly verifier: string;
  readonly redirectUri: string;
  /** The path to return to. */
  readonly next: string;
  /** The maximum time since the user has authenticated, in seconds. */
  readonly maxAgeSeconds: number | undefined;
  /** When it began, in milliseconds since 1970. */
  readonly startedMs: number;
}

/** How long a user may take at the provider. */
const LIFE_SECONDS = 600;
const LIFE_DAYS = LIFE_SECONDS / 86_400;
/** Sign-ins of one browser at a time, such as in several tabs. Each takes up to 2 KiB of the headers of every request. */
const MAX_FLOWS = 5;
const NAME = 'landspout-sign-in-';

/** A random text of 256 bits, for a state, nonce or verifier. */
export function randomText(): string {
  return randomBytes(32).toString('base64url');
}

/**
 * Keeps a flow in an encrypted cookie of its own. If the browser has more than four others, the oldest are removed.
 *
 * With https, the name has the prefix `__Host-`, so that a sibling host cannot replace the cookie by one of another
 * user, who would then be signed in (login CSRF).
 */
export function keepFlow(handler: AnyHandler, flow: SignInFlow): void {
  const prefix = prefixOf(flow.redirectUri);
  const others: { readonly name: string; readonly startedMs: number }[] = [];
  for (const name of handler.request.cookies.keys()) {
    if (!name.startsWith(prefix)) continue;
    const startedMs = readFlow(handler, name)?.startedMs;
    if (startedMs === undefined) clear(handler, name);
    else others.push({ name, startedMs });
  }
  others.sort((one, other) => other.startedMs - one.startedMs);
  for (const { name } of others.slice(MAX_FLOWS - 1)) clear(handler, name);
  const { state, ...rest } = flow;
  handler.cookies.setEncrypted(cookieName(prefix, state), JSON.stringify({ state, ...rest }), {
    ...attributesOf(prefix),
    maxAge: LIFE_SECONDS,
    sameSite: 'lax', // the provider's redirect is a navigation from another site
  });
}

/** Returns the flow with this state, and deletes its cookie; undefined if the browser has none, or it is too old. */
export function takeFlow(handler: AnyHandler, state: string): SignInFlow | undefined {
  for (const prefix of [`__Host-${NAME}`, NAME]) {
    const name = cookieName(prefix, state);
    if (handler.getCookie(name) === undefined) continue;
    clear(handler, name);
    const flow = readFlow(handler, name);
    // The prefix has to be the one with which the flow was kept.
    if (flow !== undefined && flow.state === state && prefixOf(flow.redirectUri) === prefix) return flow;
  }
  return undefined;
}

/** The content is authenticated, so it is what {@link keepFlow} has written. */
function readFlow(handler: AnyHandler, name: string): SignInFlow | undefined {
  const text = handler.cookies.getEncrypted(name, { maxAgeDays: LIFE_DAYS });
  return text === undefined ? undefined : (JSON.parse(text) as SignInFlow);
}

function clear(handler: AnyHandler, name: string): void {
  handler.clearCookie(name, attributesOf(name));
}

function prefixOf(redirectUri: string): string {
  return redirectUri.startsWith('https:') ? `__Host-${NAME}` : NAME;
}

function attributesOf(prefix: string): {
  readonly path: '/';
  readonly secure: boolean;
  readonly httpOnly: true;
} {
  return { path: '/', secure: prefix.startsWith('__Host-'), httpOnly: true };
}

/** A hash, since the state comes from the query of a request and is no name of a cookie. */
function cookieName(prefix: string, state: string): string {
  return `${prefix}${createHash('sha256').update(state).digest('base64url').slice(0, 16)}`;
}
