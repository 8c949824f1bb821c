import { randomUUID } from 'node:crypto';
import type { WebSocketOptions } from 'landspout';
import type { Runs, Topics } from 'landspout/topics';
import { TopicDoor } from 'landspout/web/topics';
import {
  type TopicAuthorization,
  TopicHandler,
  type TopicMembership,
  type TopicOptions,
} from 'landspout/websocket/topics';
import { messageSchema } from '../chat/messages.ts';
import { isRoomTopic, roomTopic } from '../chat/rooms.ts';
import type { Visitor } from '../chat/visitors.ts';
import { isReadersTopic, isResponseId } from '../response/responses.ts';
import { PROCESS_TOPIC } from './own-process.ts';
import type { Site } from './site.ts';

/** A person writes no faster; a burst is for those who send many short lines. */
const PUBLISHES = { publishesPerSecond: 2, publishBurst: 10 } as const;
/** 2,000 characters may take 12,000 bytes as JSON escapes. */
export const MAX_MESSAGE_BYTES = 16 * 1024;
/** A page of the chat has five: three rooms, the tabs and the process. */
const MAX_SUBSCRIPTIONS = 8;
/** Whose members are the connections of all tabs. It has no records. */
export const TABS_TOPIC = 'tabs';
const TAB = /^[0-9a-f]{32}$/;

/**
 * Everything that is live: rooms, responses and what runs beneath the page, over WebSocket, event streams and long polls.
 * The query says whose page it is: `pass` and `room` in the chat, `tab` for a reader of a response.
 */
export class LiveHandler extends TopicHandler<'/live'> {
  static override readonly topicDoor = new TopicDoor({ ...PUBLISHES, maxBodyBytes: MAX_MESSAGE_BYTES });

  declare topics: Topics;
  declare runs: Runs;
  #site!: Site;
  #visitor: Visitor | undefined;
  #tab: string | undefined;
  /** The topic of the room that the page shows. */
  #room = '';

  override initialize({ site }: { readonly site: Site }): void {
    this.#site = site;
    this.topics = site.topics;
    this.runs = site.runs;
    this.#visitor = site.visitors.read(this.getQueryArgument('pass', undefined));
    this.#room = roomTopic(this.getQueryArgument('room', ''));
    this.#tab = TAB.exec(this.getQueryArgument('tab', ''))?.[0];
  }

  override authorize({ action, topic }: TopicAuthorization): boolean {
    switch (action) {
      case 'read':
      case 'cancel':
        return isResponseId(topic); // random: only people who were given its address know it
      case 'publish':
        return this.#visitor !== undefined && topic === this.#room && isRoomTopic(topic);
      default:
        if (isRoomTopic(topic)) return this.#visitor !== undefined;
        if (topic === PROCESS_TOPIC) return action === 'subscribe';
        return topic === TABS_TOPIC || isReadersTopic(topic);
    }
  }

  override topic(name: string): ReturnType<TopicHandler['topic']> {
    if (name === PROCESS_TOPIC) return this.#site.process.topic;
    if (!isRoomTopic(name)) return this.#site.passing.topic(name);
    if (this.#visitor === undefined) return this.topics.topic(name);
    return this.topics.topic(name, { schema: messageSchema(this.#visitor) });
  }

  override member({ topic }: { readonly topic: string }): TopicMembership | undefined {
    if (topic === this.#room && this.#visitor !== undefined) {
      return { member: this.#visitor.id, meta: { name: this.#visitor.name } };
    }
    if (topic === TABS_TOPIC) return { member: randomUUID(), meta: { process: this.#site.process.facts.id } };
    return isReadersTopic(topic) && this.#tab !== undefined ? { member: this.#tab } : undefined;
  }

  override topicOptions(): TopicOptions {
    return { ...PUBLISHES, maxSubscriptions: MAX_SUBSCRIPTIONS };
  }

  override connectionOptions(): WebSocketOptions {
    return { maxMessageBytes: MAX_MESSAGE_BYTES };
  }

  override onOpen(): void {
    this.#site.process.announce();
  }
}
