import type { Logger } from '@landspout/ioloop';
import { disown, HTTPError } from '../errors.ts';

/** What a client wants to do with a topic or run. */
export type TopicAction = 'subscribe' | 'publish' | 'presence' | 'read' | 'cancel';

/** The question that an `authorize` decides. */
export interface TopicAuthorization<Handler = unknown> {
  /** `subscribe`, `publish` and `presence` are about a topic, `read` and `cancel` about a run. */
  readonly action: TopicAction;
  /** The name of the topic, or the id of the run. */
  readonly topic: string;
  /** The handler of the request. */
  readonly handler: Handler;
}

/**
 * Decides whether a client may do something: only `true`, or a promise of `true`, allows it. If it throws or rejects,
 * that is logged, and the client is refused.
 */
export type Authorize<Handler = unknown> = (
  question: TopicAuthorization<Handler>,
) => boolean | PromiseLike<boolean>;

/** Asks, and never rejects. */
export async function isAuthorized<Handler>(
  authorize: Authorize<Handler>,
  question: TopicAuthorization<Handler>,
  log: Logger,
): Promise<boolean> {
  try {
    const decision: unknown = await authorize(question);
    if (decision === true) return true;
    disown(decision);
  } catch (error) {
    const { action, topic } = question;
    log.error({ error, action, topic }, 'authorize threw or rejected; the client is refused');
  }
  return false;
}

/** A cache must not give the refusal to a client that is allowed later. */
const NOT_KEPT = { headers: { 'Cache-Control': 'no-store' } } as const;

/** @throws HTTPError 404, the same for what does not exist and for what the client may not see. */
export async function requireAuthorized<Handler>(
  authorize: Authorize<Handler>,
  question: TopicAuthorization<Handler>,
  log: Logger,
): Promise<void> {
  if (!(await isAuthorized(authorize, question, log))) throw new HTTPError(404, undefined, NOT_KEPT);
}
