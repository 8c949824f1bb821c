import type { FetchMessage, FetchSentMessage } from '@landspout/httpclient';
import type { RunEndMessage, RunStartMessage } from '@landspout/topics';
import type {
  WebSocketEndMessage,
  WebSocketMessageMessage,
  WebSocketMessageStartMessage,
  WebSocketStartMessage,
} from '@landspout/websocket';
import type { AttributeValue, PropagationAPI, TextMapPropagator, TracerProvider } from '@opentelemetry/api';
import { describe, expectTypeOf, it } from 'vitest';
import type {
  SpanAttributes,
  TextMapPropagatorLike,
  TracerProviderLike,
} from '../../src/opentelemetry/index.ts';
import type {
  ConnectionClosing,
  ConnectionOpening,
  FetchNotice,
  FetchSending,
  MessageNotice,
  MessageStarting,
  RunNotice,
  RunStarting,
} from '../../src/opentelemetry/messages.ts';

describe('the types of OpenTelemetry in the options', () => {
  it('are those of its API', () => {
    expectTypeOf<TracerProvider>().toExtend<TracerProviderLike>();
    expectTypeOf<TextMapPropagator>().toExtend<TextMapPropagatorLike>();
    expectTypeOf<PropagationAPI>().toExtend<TextMapPropagatorLike>();
    expectTypeOf<SpanAttributes>().toExtend<Readonly<Record<string, Readonly<AttributeValue> | undefined>>>();
  });
});

describe('the messages that spans are made of', () => {
  it('are those of the packages that publish them', () => {
    expectTypeOf<FetchMessage>().toExtend<FetchNotice>();
    expectTypeOf<FetchSentMessage>().toExtend<FetchSending>();
    expectTypeOf<WebSocketStartMessage>().toExtend<ConnectionOpening>();
    expectTypeOf<WebSocketEndMessage>().toExtend<ConnectionClosing>();
    expectTypeOf<WebSocketMessageMessage>().toExtend<MessageNotice>();
    expectTypeOf<WebSocketMessageStartMessage>().toExtend<MessageStarting>();
    expectTypeOf<RunEndMessage>().toExtend<RunNotice>();
    expectTypeOf<RunStartMessage>().toExtend<RunStarting>();
  });
});
