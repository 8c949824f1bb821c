import { IOLoop } from '@landspout/ioloop';
import { Application } from '@landspout/web';
import { broadcast, WebSocketHandler } from '@landspout/websocket';
import { LISTEN, ready, settings } from '../../program.mjs';

const everyone = new Set();

class Silent extends WebSocketHandler {
  connectionOptions() {
    return { pingIntervalMs: 0, compression: settings.deflate === true };
  }
}

class Echo extends Silent {
  onMessage(message) {
    this.writeMessage(message);
  }
}

class Room extends Silent {
  onOpen() {
    everyone.add(this);
  }

  onMessage(message) {
    broadcast(everyone, message);
  }

  onClose() {
    everyone.delete(this);
  }
}

const app = new Application([['/', settings.mode === 'broadcast' ? Room : Echo]]);
const server = await app.listen(LISTEN);
ready({ port: Number(new URL(server.url).port), backend: IOLoop.current().backend });
