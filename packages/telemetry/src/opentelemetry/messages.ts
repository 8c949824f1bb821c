// What the spans use of the messages of packages that this one does not depend on. It reads only messages, so that a
// program installs only the packages that it uses. A test checks that the messages of these packages fit.

import type { AccessRecord } from '@landspout/httpserver';
import type { StartMessage } from '@landspout/ioloop/reactor';
import type { TracedFetch, TracedMessage, TracedRun } from './types.ts';

/** A `FetchRecord` of `@landspout/httpclient`. */
export interface FetchState extends TracedFetch {
  readonly status: number | undefined;
  readonly error: unknown;
}

export interface FetchNotice {
  readonly record: FetchState;
}

export interface FetchSending extends FetchNotice {
  setHeader(name: string, value: string): void;
}

/** A `WebSocketStartMessage` of `@landspout/websocket`. */
export interface ConnectionOpening {
  readonly connection: object;
  readonly side: 'server' | 'client';
  readonly head: AccessRecord['head'];
}

export interface ConnectionClosing extends ConnectionOpening {
  readonly code: number;
  readonly error: Error | undefined;
}

/** A `WebSocketMessageRecord` of `@landspout/websocket`. */
export interface MessageState extends TracedMessage {
  readonly connection: object;
  readonly error: unknown;
}

export interface MessageNotice {
  readonly record: MessageState;
}

export interface MessageStarting extends MessageNotice, StartMessage {}

/** A `RunRecord` of `@landspout/topics`. */
export interface RunState extends TracedRun {
  readonly how: string | undefined;
  readonly error: Error | undefined;
}

export interface RunNotice {
  readonly record: RunState;
}

export interface RunStarting extends RunNotice, StartMessage {}
