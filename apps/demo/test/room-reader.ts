import type { TopicsClient, TopicsTransport } from 'landspout/websocket/browser';
import type { ChatMessage } from '../src/chat/messages.ts';
import type { ProcessFacts } from '../src/site/own-process.ts';
import type { DemoSite } from './demo-site.ts';
import { admit, clientOf } from './visitor.ts';

export const LOBBY = 'room:lobby';

/** A visitor in the lobby, which is read from its start; knows which process serves the connection. */
export class RoomReader implements Disposable {
  readonly id: string;
  readonly client: TopicsClient;
  /** Of all messages, in their order. */
  readonly texts: string[] = [];
  readonly gaps: string[] = [];
  /** The members of the room. */
  readonly present = new Set<string>();
  /** Of the processes that have served the connection, whenever they said something new. */
  readonly served: ProcessFacts[] = [];

  private constructor(id: string, client: TopicsClient) {
    this.id = id;
    this.client = client;
  }

  /** Of the process that serves the connection, or has served it last. */
  get facts(): ProcessFacts {
    return this.served.at(-1) as ProcessFacts;
  }

  static async start(site: DemoSite, transport: TopicsTransport = 'websocket'): Promise<RoomReader> {
    const { id, pass } = await admit(site, 'Reader');
    const client = clientOf(site, { room: 'lobby', pass }, { transports: [transport] });
    const reader = new RoomReader(id, client);
    client.subscribe<ChatMessage>(LOBBY, {
      after: 'start',
      onRecord: ({ text }) => reader.texts.push(text),
      onGap: ({ reason }) => reader.gaps.push(reason),
      onPresence: ({ members, joined, left }) => {
        if (members !== undefined) reader.present.clear();
        for (const { member } of members ?? []) reader.present.add(member);
        if (joined !== undefined) reader.present.add(joined);
        if (left !== undefined) reader.present.delete(left);
      },
    });
    await new Promise<void>((resolve) => {
      client.subscribe<ProcessFacts>('process', {
        last: 1,
        onRecord: (facts) => {
          reader.served.push(facts);
          resolve();
        },
      });
    });
    return reader;
  }

  say(text: string): Promise<string> {
    return this.client.publish(LOBBY, { text, key: text }, { ref: text });
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}

/** Starts readers until each process has one. The kernel chooses the process of a connection. */
export async function readersAtAll(site: DemoSite): Promise<RoomReader[]> {
  const readers = new Map<number | null, RoomReader>();
  for (;;) {
    const reader = await RoomReader.start(site);
    const { task, processes } = reader.facts;
    if (readers.has(task)) reader[Symbol.dispose]();
    else readers.set(task, reader);
    if (readers.size === processes) return [...readers.values()];
  }
}
