import type { FetchMessage, FetchSentMessage } from '@landspout/httpclient';
import type { RunEndMessage, RunStartMessage } from '@landspout/topics';
import type {
  WebSocketEndMessage,
  WebSocketMessageMessage,
  WebSocketMessageStartMessage,
  WebSocketStartMessage,
} from '@landspout/websocket';
import { describe, expectTypeOf, it } from 'vitest';
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
