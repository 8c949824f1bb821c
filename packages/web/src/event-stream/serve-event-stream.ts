// The event-stream/ folder responds with `text/event-stream`: the records of a topic or run, the values of an async
// iterable, or the body of another response. Does not know topics: it reads them by their shape.

import { encodeEvent, HTTPHeaders } from '@landspout/http1/protocol';
import { WebUsageError, webChecks } from '../errors.ts';
import { isAuthorized, requireAuthorized, type TopicAction } from './authorization.ts';
import type { CursorReadOptions, CursorSource } from './cursor-source.ts';
import { endText } from './encoded-events.ts';
import { CURSOR_EVENTS, type EventEncoding, PassedRecords, ValueEvents } from './event-encoding.ts';
import { EventStream, type StreamContext, type StreamStart } from './event-stream.ts';
import {
  type CursorStreamOptions,
  type CursorStreamSettings,
  cursorStreamSettings,
  type EventStreamOptions,
  requireSubject,
  type StreamSettings,
  streamSettings,
} from './event-stream-options.ts';
import { IteratorReader, type StreamSource } from './iterator-reader.ts';
import { wheelOf } from './keep-alive-wheel.ts';
import { type ReadFrom, readFromOf } from './read-from.ts';
import { Reauthorization } from './reauthorization.ts';
import { jittered, stoppingRetry } from './retry-times.ts';
import { passedResponse, setStreamHeaders } from './stream-response.ts';
import { isUnavailable, topicRefusal } from './topic-errors.ts';

/** What is sent as an event stream without `authorize`. */
export type EventStreamSource = AsyncIterable<unknown> | Response;

/** Opens the source of a stream. @returns undefined if the response is complete. */
type Opener = (stream: EventStream) => Promise<StreamStart | undefined>;

/** The log that a stream reads. */
interface OpenLog {
  readonly source: StreamSource;
  /** What has the position and the end. */
  readonly reader: { readonly cursor: string; readonly end: { readonly cursor: string } | undefined };
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
  const stream = new EventStream(context);
  context.rendering = stream;
  void run(stream, open);
  return stream.done;
}

async function run(stream: EventStream, open: Opener): Promise<void> {
  try {
    const opened = await open(stream);
    if (opened === undefined) stream.completed();
    else stream.start(opened);
  } catch (error) {
    stream.refused(error);
  }
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
): Opener {
  if (isCursorSource(source)) {
    const settings = cursorStreamSettings(options as CursorStreamOptions<Handler>, source);
    return (stream) => openCursorStream(handler, context, source, settings, stream);
  }
  const settings = streamSettings(options ?? {});
  if (source instanceof Response) {
    const { body, headers } = passedResponse(source);
    for (const [name, value] of HTTPHeaders.from(settings.headers).getAll()) headers.set(name, value);
    return async (stream) => openIterable(context, body, { ...settings, passThrough: true, headers }, stream);
  }
  const iterable = source as AsyncIterable<unknown> | null | undefined;
  if (typeof iterable?.[Symbol.asyncIterator] === 'function')
    return async (stream) => openIterable(context, source, settings, stream);
  throw webChecks.wrong(
    'eventStream',
    'a topic, the reader of a run, an async iterable or a Response',
    source,
  );
}

async function openCursorStream<Handler>(
  handler: Handler,
  context: StreamContext,
  source: CursorSource,
  settings: CursorStreamSettings<Handler>,
  stream: EventStream,
): Promise<StreamStart | undefined> {
  const { authorize, action, topic, presence } = settings;
  const question = { action, topic, handler };
  const requireAllowed = async (): Promise<void> => {
    await requireAuthorized(authorize, question, context.log);
    if (presence) await requireAuthorized(authorize, { ...question, action: 'presence' }, context.log);
  };
  const { revocations } = source;
  await requireAllowed();
  if (isStopping(context)) return turnedAway(context, settings);
  const from = readFromOf(context.request);
  let log: OpenLog;
  try {
    log = await openLog(source.resolve?.() ?? source, readOptionsOf(settings, from), stream);
  } catch (error) {
    if (!isUnavailable(error)) throw topicRefusal(error);
    // EventSource would give up for ever after a 503.
    context.application.refusalLog.warn('eventStream', { error }, 'an event stream could not be opened');
    return turnedAway(context, settings);
  }
  // It may have been decided before the revocation. From now on, the subscription itself would end.
  if (source.revocations !== revocations) await closingOnFailure(log.source, requireAllowed);
  const { cursor, end } = log.reader;
  if (end !== undefined && end.cursor === from?.cursor) {
    log.source.close();
    // EventSource does not connect again after a 204.
    context.response.setStatus(204, '');
    context.response.setHeader('Cache-Control', 'no-store');
    context.response.end();
    return undefined;
  }
  return {
    source: log.source,
    encoding: (settings.passThrough ? new PassedRecords() : CURSOR_EVENTS) as EventEncoding,
    first: encodeEvent({ id: cursor, retry: jittered(settings.retryMs, settings.random) }),
    settings,
    watch:
      settings.reauthorizeMs > 0 ? () => watched(handler, context, settings, log.reader, stream) : undefined,
  };
}

async function openLog(
  source: CursorSource,
  options: CursorReadOptions,
  stream: EventStream,
): Promise<OpenLog> {
  if (source.attach !== undefined) {
    const attachment = await source.attach(stream, options);
    return { source: attachment, reader: attachment };
  }
  const subscription = await source.subscribe(options);
  return { source: IteratorReader.ofSubscription(subscription, stream), reader: subscription };
}

/** Asks again whether the client may read, and ends the stream if not. */
function watched<Handler>(
  handler: Handler,
  context: StreamContext,
  { authorize, action, topic, presence, passThrough, reauthorizeMs }: CursorStreamSettings<Handler>,
  reader: OpenLog['reader'],
  stream: EventStream,
): Reauthorization {
  const { clock, logger } = context.application;
  const isAllowed = (asked: TopicAction): Promise<boolean> =>
    isAuthorized(authorize, { action: asked, topic, handler }, context.log);
  const ask = async (): Promise<boolean> =>
    (await isAllowed(action)) && (!presence || (await isAllowed('presence')));
  const refuse = (): void =>
    stream.end(passThrough ? '' : endText({ kind: 'end', how: 'revoked', cursor: reader.cursor }));
  return new Reauthorization(wheelOf(clock, logger), reauthorizeMs, ask, refuse);
}

async function closingOnFailure(opened: { close(): void }, check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    opened.close();
    throw error;
  }
}

function readOptionsOf<Handler>(
  { last, after, presence, subject: subjectOption }: CursorStreamSettings<Handler>,
  from: ReadFrom | undefined,
): CursorReadOptions {
  const start = from?.options ?? (last === undefined ? { after } : { last });
  const subject = typeof subjectOption === 'function' ? requireSubject(subjectOption()) : subjectOption;
  // Runs have neither presence nor subjects.
  return {
    ...start,
    ...(presence ? { presence } : undefined),
    ...(subject === undefined ? undefined : { subject }),
  };
}

function openIterable(
  context: StreamContext,
  iterable: AsyncIterable<unknown>,
  settings: StreamSettings,
  stream: EventStream,
): StreamStart | undefined {
  const { passThrough, retryMs, random } = settings;
  if (isStopping(context) && !passThrough) return turnedAway(context, settings);
  const first = passThrough ? '' : encodeEvent({ retry: jittered(retryMs, random) });
  const source = IteratorReader.of(iterable, stream);
  return { source, encoding: new ValueEvents(passThrough), first, settings };
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
