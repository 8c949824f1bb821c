// Topics through the doors for WebSockets and event streams, or by `attach` with a WebSocketHandler that knows one topic:
// what the core alone costs.
import { IOLoop } from '@landspout/ioloop';
import { Topics } from '@landspout/topics';
import { Application } from '@landspout/web';
import { TopicRequestHandler } from '@landspout/web/topics';
import { PreparedMessage, WebSocketHandler } from '@landspout/websocket';
import { TopicHandler } from '@landspout/websocket/topics';
import { LISTEN, ready, settings } from '../../program.mjs';
import { openBackplane } from './backplane.mjs';
import { memberNumber } from './members.mjs';
import { listenForOrders, TOPIC } from './publisher.mjs';

const { backend } = IOLoop.current();
const backplane = await openBackplane();
const member = await memberNumber(backend);
const topics = new Topics({ backplane });
const topic = topics.topic(TOPIC);
const connectionOptions = () => ({ pingIntervalMs: 0 });
/** The frame of the record that is being delivered. */
let [lastRecord, lastFrame] = [];

function frameOf(record) {
  if (record === lastRecord) return lastFrame;
  const { cursor, payload } = record;
  lastRecord = record;
  lastFrame = new PreparedMessage(`{"op":"msg","topic":"${TOPIC}","cursor":"${cursor}","data":${payload}}`);
  return lastFrame;
}

/** Takes events of the topic, and is the connection. */
class Attached extends WebSocketHandler {
  static subprotocols = ['landspout.topics.v1'];
  #attachment;

  connectionOptions() {
    return connectionOptions();
  }

  /** The subscription to the topic that all have. */
  async onMessage() {
    this.#attachment = await topic.attach(this);
    this.writeMessage(`{"op":"pos","topic":"${TOPIC}","cursor":"${this.#attachment.cursor}"}`);
    this.#attachment.resume();
  }

  deliver(record) {
    this.writeMessage(frameOf(record));
    return true;
  }

  onClose() {
    this.#attachment?.close();
  }
}

class SocketDoor extends TopicHandler {
  topics = topics;

  connectionOptions() {
    return connectionOptions();
  }

  authorize() {
    return true;
  }
}

class StreamDoor extends TopicRequestHandler {
  topics = topics;

  authorize() {
    return true;
  }
}

const handler = { attach: Attached, websocket: SocketDoor, stream: StreamDoor }[settings.door];
const server = await new Application([['/live', handler]]).listen(LISTEN);
const control = await listenForOrders((data) => topic.publish(data));
ready({ port: Number(new URL(server.url).port), control, backend, member });
