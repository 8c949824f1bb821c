// The event-stream/ folder responds with `text/event-stream`: the records of a topic or run, the values of an async
// iterable, or the body of another response. Does not know topics: it reads them by their shape.

import { encodeEvent, HTTPHeaders } from '@landspout/http1/protocol';
import type { Clock, Logger } from '@landspout/ioloop';
import type { RateLimitedLog } from '@landspout/ioloop/reactor';
import { disown, WebUsageError, webChecks } from '../errors.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import type { HTTPServerResponse } from '../response/http-server-response.ts';
import { isAuthorized, requireAuthorized } from './authorization.ts';
import type { CursorReadOptions, CursorSource, CursorSubscription } from './cursor-source.ts';
import { endText } from './encoded-events.ts';
import { cursorFeed, type EventFeed, IterableFeed, PassThroughCursorFeed } from './event-feed.ts';
import { EventStream } from './event-stream.ts';
import {
  type CursorStreamOptions,
  type CursorStreamSettings,
  cursorStreamSettings,
  type EventStreamOptions,
  type StreamSettings,
  streamSettings,
} from './event-stream-options.ts';
import { wheelOf } from './keep-alive-wheel.ts';
import { type ReadFrom, readFromOf } from './read-from.ts';
import { Reauthorization } from './reauthorization.ts';
import { jittered, stoppingRetry } from './retry-times.ts';
import { passedResponse, setStreamHeaders } from './stream-response.ts';
import { isUnavailable, topicRefusal } from './topic-errors.ts';

/** What is sent as an event stream without `authorize`. */
export type EventStreamSource = AsyncIterable<unknown> | Response;

/** The request that is responded to. */
export interface StreamContext {
  readonly request: HTTPServerRequest;
  readonly response: HTTPServerResponse;
  readonly log: Logger;
  readonly application: {
    readonly clock: Clock;
    readonly logger: Logger;
    readonly refusalLog: RateLimitedLog;
  };
  /** What writes the body, so that it can be stopped. */
  rendering: { readonly done: Promise<void>; stop(reason: Error): void } | undefined;
}

/** A stream that is about to start. */
interface Opened {
  readonly feed: EventFeed;
  /** The first text. */
  readonly first: string;
  readonly settings: StreamSettings;
  /** Asks `authorize` again, if that is wanted. */
  readonly watch?: ((stream: EventStream) => Reauthorization) | undefined;
}

/**
 * Responds with an event stream; see `RequestHandler.eventStream`.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` if an argument is invalid; `ERR_WEB_HEAD_SENT`, `ERR_WEB_FINISHED`.
 */
export function serveEventStream<Handler>(
  handler: Handler,
  context: StreamContext,
  source: CursorSource | EventStreamSource,
  options: CursorStreamOptions<Handler> | EventStreamOptions | undefined,
): Promise<void> {
  context.response.requireUnsent('eventStream');
  if (context.rendering !== undefined) {
    const problem = 'eventStream: a page or an event stream is being sent; await that first';
    throw new WebUsageError('ERR_WEB_USAGE', problem);
  }
  const open = openerOf(handler, context, source, options);
  const stream = new StreamInProgress(context, open);
  context.rendering = stream;
  // The application awaits it, unless another response has replaced it.
  disown(stream.done);
  return stream.done;
}

/** Whether a source is read with `authorize`. One that is also an async iterable is. */
function isCursorSource(source: unknown): source is CursorSource {
  return typeof (source as Partial<CursorSource> | null | undefined)?.subscribe === 'function';
}

function openerOf<Handler>(
  handler: Handler,
  context: StreamContext,
  source: CursorSource | EventStreamSource,
  options: CursorStreamOptions<Handler> | EventStreamOptions | undefined,
): () => Promise<Opened | undefined> {
  if (isCursorSource(source)) {
    const settings = cursorStreamSettings(options as CursorStreamOptions<Handler>, source.name ?? source.id);
    return () => openCursorStream(handler, context, source, settings);
  }
  const settings = streamSettings(options ?? {});
  if (source instanceof Response) {
    const { body, headers } = passedResponse(source);
    for (const [name, value] of HTTPHeaders.from(settings.headers).getAll()) headers.set(name, value);
    return async () => openIterable(context, body, { ...settings, passThrough: true, headers });
  }
  const iterable = source as AsyncIterable<unknown> | null | undefined;
  if (typeof iterable?.[Symbol.asyncIterator] === 'function')
    return async () => openIterable(context, source, settings);
  throw webChecks.wrong(
    'eventStream',
    'a topic, the reader of a run, an async iterable or a Response',
    source,
  );
}

/** @returns undefined if the response is complete. */
async function openCursorStream<Handler>(
  handler: Handler,
  context: StreamContext,
  source: CursorSource,
  settings: CursorStreamSettings<Handler>,
): Promise<Opened | undefined> {
  const { authorize, action, topic, presence, passThrough, reauthorizeMs } = settings;
  const question = { action, topic, handler };
  const requireAllowed = async (): Promise<void> => {
    await requireAuthorized(authorize, question, context.log);
    if (presence) await requireAuthorized(authorize, { ...question, action: 'presence' }, context.log);
  };
  const { revocations } = source;
  await requireAllowed();
  if (isStopping(context)) return turnedAway(context, settings);
  const from = readFromOf(context.request);
  let subscription: CursorSubscription;
  try {
    subscription = await source.subscribe(readOptionsOf(settings, from));
  } catch (error) {
    if (!isUnavailable(error)) throw topicRefusal(error);
    // EventSource would give up for ever after a 503.
    context.application.refusalLog.warn('eventStream', { error }, 'an event stream could not be opened');
    return turnedAway(context, settings);
  }
  // It may have been decided before the revocation. From now on, the subscription itself would end.
  if (source.revocations !== revocations) await closingOnFailure(subscription, requireAllowed);
  if (subscription.end !== undefined && subscription.end.cursor === from?.cursor) {
    subscription.close();
    // EventSource does not connect again after a 204.
    context.response.setStatus(204, '');
    context.response.setHeader('Cache-Control', 'no-store');
    context.response.end();
    return undefined;
  }
  const feed = passThrough ? new PassThroughCursorFeed(subscription) : cursorFeed(subscription);
  const retry = jittered(settings.retryMs, settings.random);
  const watch = (stream: EventStream): Reauthorization => {
    const { clock, logger } = context.application;
    const revoked = (): string =>
      passThrough ? '' : endText({ kind: 'end', how: 'revoked', cursor: subscription.cursor });
    const ask = (): Promise<boolean> => isAuthorized(authorize, question, context.log);
    return new Reauthorization(wheelOf(clock, logger), reauthorizeMs, ask, () => stream.end(revoked()));
  };
  const first = encodeEvent({ id: subscription.cursor, retry });
  return { feed: feed as EventFeed, first, settings, watch: reauthorizeMs > 0 ? watch : undefined };
}

async function closingOnFailure(subscription: CursorSubscription, check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    subscription.close();
    throw error;
  }
}

function readOptionsOf<Handler>(
  { last, after, presence, subject }: CursorStreamSettings<Handler>,
  from: ReadFrom | undefined,
): CursorReadOptions {
  const start = from?.options ?? (last === undefined ? { after } : { last });
  // Runs have neither presence nor subjects.
  return {
    ...start,
    ...(presence ? { presence } : undefined),
    ...(subject === undefined ? undefined : { subject }),
  };
}

function openIterable(
  context: StreamContext,
  source: AsyncIterable<unknown>,
  settings: StreamSettings,
): Opened | undefined {
  const { passThrough, retryMs, random } = settings;
  if (isStopping(context) && !passThrough) return turnedAway(context, settings);
  const first = passThrough ? '' : encodeEvent({ retry: jittered(retryMs, random) });
  return { feed: new IterableFeed(source, passThrough), first, settings };
}

function isStopping({ response }: StreamContext): boolean {
  return response.exchange.stopping.aborted;
}

/** Completes the response with nothing but the time after which to connect again. */
function turnedAway({ response }: StreamContext, { headers, random }: StreamSettings): undefined {
  if (response.gone !== undefined) return undefined;
  setStreamHeaders(response, headers);
  response.append(encodeEvent({ retry: stoppingRetry(random) }));
  response.end();
  return undefined;
}

/** One response, from the call of `eventStream` to its end. */
class StreamInProgress {
  readonly done: Promise<void>;
  readonly #context: StreamContext;
  #stream: EventStream | undefined;
  #isStopped = false;

  /** @param open - resolves to undefined if the response is complete. */
  constructor(context: StreamContext, open: () => Promise<Opened | undefined>) {
    this.#context = context;
    this.done = this.#run(open);
  }

  /** The client is gone, or another response has replaced the stream. */
  stop(): void {
    this.#isStopped = true;
    this.#stream?.stop();
  }

  peerEnded(): void {
    this.stop();
  }

  async #run(open: () => Promise<Opened | undefined>): Promise<void> {
    try {
      const opened = await open();
      if (opened === undefined) return;
      if (this.#isStopped || this.#context.response.ended) opened.feed.close();
      else await this.#send(opened);
    } finally {
      if (this.#context.rendering === this) this.#context.rendering = undefined;
    }
  }

  async #send({ feed, first, settings, watch }: Opened): Promise<void> {
    const { request, response, application } = this.#context;
    try {
      setStreamHeaders(response, settings.headers);
    } catch (error) {
      feed.close();
      throw error;
    }
    if (request.method === 'HEAD') {
      feed.close();
      void response.flush();
      response.end();
      return;
    }
    const farewell = (): string => encodeEvent({ retry: stoppingRetry(settings.random) });
    const { clock, logger } = application;
    const stream = new EventStream(feed, {
      response,
      clock,
      logger,
      keepAliveMs: settings.keepAliveMs,
      farewell,
    });
    this.#stream = stream;
    stream.start(first);
    const reauthorization = watch?.(stream);
    try {
      await stream.done;
    } finally {
      reauthorization?.close();
    }
  }
}
