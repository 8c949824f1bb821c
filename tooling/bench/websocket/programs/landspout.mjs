import { IOLoop } from '@landspout/ioloop';
import { Application } from '@landspout/web';
import { broadcast, WebSocketHandler } from '@landspout/websocket';
import { about, LISTEN, ready, settings, TLS } from '../../program.mjs';

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
const server = await app.listen({ ...LISTEN, tls: TLS });
ready({ port: Number(new URL(server.url).port), ...about(IOLoop.current()) });
