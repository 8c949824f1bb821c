// The floor of topics: the very frames or events that topics send, in a loop over all connections, and nothing else. With
// `behind` it keeps so many of them and sends them to each connection that opens. One of several processes gets them by a
// relay.
import { IOLoop } from '@landspout/ioloop';
import { Application, RequestHandler } from '@landspout/web';
import { broadcast, PreparedMessage, WebSocketHandler } from '@landspout/websocket';
import { LISTEN, ready, settings } from '../../program.mjs';
import { isMember, memberNumber, openRelay } from './members.mjs';
import { listenForOrders, TOPIC } from './publisher.mjs';

const { door, behind = 0 } = settings;
const EPOCH = 'abcdefghijkl';
let position = 0;
const everyone = new Set();
/** The last ones, oldest first. */
const kept = [];

class Room extends WebSocketHandler {
  connectionOptions() {
    return { pingIntervalMs: 0 };
  }

  onOpen() {
    for (const message of kept) this.writeMessage(message);
    everyone.add(this);
  }

  onMessage() {}

  onClose() {
    everyone.delete(this);
  }
}

class Live extends RequestHandler {
  #gone;

  async get() {
    this.setHeader('Content-Type', 'text/event-stream');
    this.setHeader('Cache-Control', 'no-store');
    this.write(`id: ${EPOCH}.${position}\n\n`);
    for (const event of kept) this.write(event);
    void this.flush();
    everyone.add(this);
    await new Promise((resolve) => {
      this.#gone = resolve;
    });
  }

  onConnectionClose() {
    everyone.delete(this);
    this.#gone?.();
  }
}

const DOORS = {
  websocket: {
    handler: Room,
    encode: (cursor, json) =>
      new PreparedMessage(`{"op":"msg","topic":"${TOPIC}","cursor":"${cursor}","data":${json}}`),
    send: (message) => broadcast(everyone, message),
  },
  stream: {
    handler: Live,
    encode: (cursor, json) => `id: ${cursor}\ndata: ${json}\n\n`,
    send: (event) => {
      for (const handler of everyone) {
        handler.write(event);
        void handler.flush();
      }
    },
  },
};
const { handler, encode, send } = DOORS[door];

function deliver(json) {
  position += 1;
  const encoded = encode(`${EPOCH}.${position}`, json);
  if (behind > 0) kept.push(encoded);
  if (kept.length > behind) kept.shift();
  send(encoded);
}

const { backend } = IOLoop.current();
const member = await memberNumber(backend);
const relay = isMember ? await openRelay(deliver) : deliver;
const server = await new Application([['/live', handler]]).listen(LISTEN);
const control = await listenForOrders((data) => relay(JSON.stringify(data)));
ready({ port: Number(new URL(server.url).port), control, backend, member });
