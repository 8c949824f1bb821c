// The topics/ folder serves topics and runs over HTTP. It knows them by their shape, and decides nothing about who may
// do what: that is the handler's `authorize`.

import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { clientNetwork } from '@landspout/iostream/transports';
import Negotiator from 'negotiator';
import { HTTPError } from '../errors.ts';
import {
  type Authorize,
  requireAuthorized,
  type TopicAction,
  type TopicAuthorization,
} from '../event-stream/authorization.ts';
import type { CursorSource } from '../event-stream/cursor-source.ts';
import { queryNumber, queryValue, readFromOf } from '../event-stream/read-from.ts';
import { topicRefusal } from '../event-stream/topic-errors.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import { ClientSource, topicOf } from './client-source.ts';
import type { TopicDoorHandler } from './door-handler.ts';
import { type DoorSettings, doorSettings, type TopicDoorOptions } from './door-options.ts';
import { longPoll } from './long-poll.ts';
import { publishId } from './publish-id.ts';
import { PublishRate } from './publish-rate.ts';
import { requireOrigin } from './require-origin.ts';
import { badRequest, isName, nameOf, type TopicTarget, targetOf } from './topic-target.ts';

const EVENT_STREAM = 'text/event-stream';
/** In our order of preference. */
const TYPES = ['application/json', EVENT_STREAM];

/** Statuses of errors that only a request can have caused. */
const STATUSES: Readonly<Record<string, number>> = {
  ERR_TOPICS_USAGE: 400,
  ERR_TOPICS_INVALID_DATA: 422,
  ERR_TOPICS_RECORD_TOO_LARGE: 413,
  ERR_RUN_OWNER: 404,
};

/**
 * Serves topics and runs over HTTP at the URL of a handler: the methods are called by the verbs of that handler. One
 * object serves all requests of a class, and has their limits; see {@link TopicDoorOptions}.
 *
 * - GET `?topic=T&after=C` or `?run=R&after=C`: an event stream if the client prefers `text/event-stream`; otherwise a
 *   long poll, whose response `{"records":[{"cursor","data"}],"cursor"}` comes with the first record, or without one
 *   after `waitMs`, or a second after a gap. Without `after`, it comes at once, with the present cursor; with `last=n`,
 *   also with records.
 * - POST `?topic=T` of `{"data":…,"ref":…}`: publishes; a second POST of the same subject with the same `ref` publishes
 *   nothing more. The response is `{"cursor":C}`.
 * - DELETE `?run=R`: asks the run to end; the response is `{"how":…}`, with `running` if it is not over yet.
 *
 * If the handler has `member`, the member that it returns is present in a topic while an event stream is open or a long
 * poll is responded to.
 *
 * What does not exist and what `authorize` refuses is a 404.
 *
 * @example
 * class Live extends WebSocketHandler {
 *   static readonly door = new TopicDoor();
 *   override get() {
 *     return this.request.headers.has('Upgrade') ? super.get() : Live.door.get(this);
 *   }
 * }
 */
export class TopicDoor {
  readonly #settings: DoorSettings;
  readonly #rate: PublishRate;

  /** @throws WebUsageError `ERR_WEB_USAGE` if an option is unknown or invalid. */
  constructor(options: TopicDoorOptions = {}) {
    this.#settings = doorSettings(options);
    this.#rate = new PublishRate(this.#settings);
  }

  /**
   * Responds with an event stream or to a long poll.
   *
   * @throws HTTPError 400, 403, 404, 503.
   */
  get(handler: TopicDoorHandler): Promise<void> {
    try {
      requireOrigin(handler);
      const target = targetOf(handler.request);
      const source = new ClientSource(handler, target);
      // Not awaited here: no function should wait as long as an event stream lasts.
      return prefersEvents(handler.request)
        ? this.#stream(handler, target, source)
        : this.#poll(handler, target, source);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Publishes the body.
   *
   * @throws HTTPError 400, 403, 404, 413, 422, 429, 503.
   */
  async post(handler: TopicDoorHandler): Promise<void> {
    requireOrigin(handler);
    const name = nameOf(handler.request, 'topic');
    const { maxBodyBytes } = this.#settings;
    if (handler.request.body.length > maxBodyBytes)
      throw new HTTPError(413, undefined, {
        detail: `The body must not have more than ${maxBodyBytes} bytes.`,
      });
    await requireAllowed(handler, 'publish', name);
    const { data, ref } = publishOf(handler.getJsonBody());
    const options = ref === undefined ? {} : { id: publishId(handler.subject?.(), ref) };
    this.#rate.take(publishKeyOf(handler), handler.application.clock.now());
    try {
      const cursor = await topicOf(handler, name).publish(data, options);
      respond(handler, JSON.stringify({ cursor }));
    } catch (error) {
      throw topicRefusal(error, STATUSES);
    }
  }

  /**
   * Cancels a run.
   *
   * @throws HTTPError 400, 403, 404, 503.
   */
  async delete(handler: TopicDoorHandler): Promise<void> {
    requireOrigin(handler);
    const id = nameOf(handler.request, 'run');
    await requireAllowed(handler, 'cancel', id);
    if (handler.runs === undefined) throw new HTTPError(404);
    try {
      const { how, end } = await handler.runs.cancel(id);
      respond(handler, JSON.stringify({ how: how ?? end?.how ?? 'running' }));
    } catch (error) {
      throw topicRefusal(error, STATUSES);
    }
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ settings: this.#settings, rate: this.#rate }));
  }

  #stream(handler: TopicDoorHandler, target: TopicTarget, source: CursorSource): Promise<void> {
    const { keepAliveMs, retryMs, reauthorizeMs } = this.#settings;
    return handler.eventStream(source, {
      authorize: authorizeOf(handler),
      action: actionOf(target),
      topic: target.name,
      subject: () => subjectOf(handler, target),
      presence: target.kind === 'topic' && queryValue(handler.request, 'presence') === 'true',
      keepAliveMs,
      retryMs,
      reauthorizeMs,
    });
  }

  async #poll(handler: TopicDoorHandler, target: TopicTarget, source: ClientSource): Promise<void> {
    const requireAction = () => requireAllowed(handler, actionOf(target), target.name);
    const { revocations } = source;
    await requireAction();
    const json = await this.#polled(handler, source);
    // A revocation while the client waited.
    if (source.revocations !== revocations) await requireAction();
    respond(handler, json);
  }

  /** @returns the response. @throws HTTPError 400, 404, 503. */
  async #polled(handler: TopicDoorHandler, source: ClientSource): Promise<string> {
    const { request, response, application } = handler;
    const { maxWaitMs } = this.#settings;
    const asked = queryNumber(request, 'waitMs', maxWaitMs) ?? maxWaitMs;
    const waitMs = request.method === 'HEAD' ? 0 : asked;
    const signals = [request.signal, response.exchange.stopping];
    const wait = { clock: application.clock, signals, waitMs };
    try {
      return await longPoll(source.resolve(), readFromOf(request), wait, this.#settings);
    } catch (error) {
      throw topicRefusal(error, STATUSES);
    }
  }
}

function actionOf({ kind }: TopicTarget): 'read' | 'subscribe' {
  return kind === 'run' ? 'read' : 'subscribe';
}

/** Runs have no subjects. */
function subjectOf(handler: TopicDoorHandler, { kind }: TopicTarget): string | undefined {
  return kind === 'topic' ? handler.subject?.() : undefined;
}

function authorizeOf(handler: TopicDoorHandler): Authorize<unknown> {
  return (question) => handler.authorize(question as TopicAuthorization<never>);
}

function requireAllowed(handler: TopicDoorHandler, action: TopicAction, topic: string): Promise<void> {
  return requireAuthorized(authorizeOf(handler), { action, topic, handler }, handler.log);
}

function publishKeyOf(handler: TopicDoorHandler): string | undefined {
  return handler.publishKey === undefined ? clientNetwork(handler.request.remoteIp) : handler.publishKey();
}

function prefersEvents(request: HTTPServerRequest): boolean {
  const accept = request.headers.get('Accept');
  if (accept === undefined || !accept.includes('event-stream')) return false;
  return new Negotiator({ headers: { accept } }).mediaType(TYPES) === EVENT_STREAM;
}

/** @throws HTTPError 400 if the body is not `{"data":…,"ref":…}`. */
function publishOf(body: unknown): { readonly data: unknown; readonly ref?: string } {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, 'data'))
    throw badRequest('The body must be a JSON object with the member data.');
  const { data, ref } = body as { readonly data: unknown; readonly ref?: unknown };
  if (ref === undefined || ref === null) return { data };
  if (!isName(ref))
    throw badRequest('The member ref must be text of 1 to 256 bytes without control characters.');
  return { data, ref };
}

function respond({ response }: TopicDoorHandler, json: string): void {
  // The client may have left, or a time limit of the route may have ended the response.
  if (response.ended || response.gone !== undefined) return;
  response.setHeader('Content-Type', 'application/json; charset=UTF-8');
  response.setHeader('Cache-Control', 'no-store');
  response.append(json);
  response.end();
}
