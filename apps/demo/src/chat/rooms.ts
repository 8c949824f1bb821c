/** A room of the chat. Each is a topic of its own. */
export interface Room {
  /** In addresses and in the name of its topic. */
  readonly id: string;
  readonly name: string;
}

export const ROOMS: readonly [Room, ...Room[]] = [
  { id: 'lobby', name: 'Lobby' },
  { id: 'kitchen', name: 'Kitchen' },
  { id: 'workshop', name: 'Workshop' },
];

const TOPIC_PREFIX = 'room:';
/** For the configuration of topics. */
export const ROOM_TOPICS = `${TOPIC_PREFIX}*`;

const ids = new Set(ROOMS.map(({ id }) => id));

export function roomTopic(id: string): string {
  return TOPIC_PREFIX + id;
}

/** Whether a name that a client has sent is that of the topic of a room. */
export function isRoomTopic(topic: string): boolean {
  return topic.startsWith(TOPIC_PREFIX) && ids.has(topic.slice(TOPIC_PREFIX.length));
}

/** The room of an address, or the first one if there is no such room. */
export function roomOf(id: string | undefined): Room {
  return ROOMS.find((room) => room.id === id) ?? ROOMS[0];
}
