import { LISTEN, ready, settings, TLS } from '../../program.mjs';

globalThis.gc ??= () => Bun.gc(true);

const { mode, deflate } = settings;
const ROOM = 'room';
const echo = { message: (socket, message) => socket.send(message, deflate) };
const room = {
  open: (socket) => socket.subscribe(ROOM),
  message: (_socket, message) => server.publish(ROOM, message, deflate),
};

const server = Bun.serve({
  port: LISTEN.port,
  hostname: LISTEN.host,
  tls: TLS,
  fetch: (request, self) => (self.upgrade(request) ? undefined : new Response(null, { status: 400 })),
  websocket: {
    ...(mode === 'broadcast' ? room : echo),
    idleTimeout: 0,
    sendPings: false,
    perMessageDeflate: deflate,
  },
});
ready({ port: server.port, backend: 'bun' });
