import { LISTEN, ready, settings, TLS } from '../../program.mjs';

const everyone = new Set();

function echo(socket) {
  socket.onmessage = ({ data }) => socket.send(data);
}

function join(socket) {
  socket.onopen = () => everyone.add(socket);
  socket.onclose = () => everyone.delete(socket);
  socket.onmessage = ({ data }) => {
    for (const one of everyone) one.send(data);
  };
}

function handler(request) {
  const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
  socket.binaryType = 'arraybuffer';
  socket.onerror = () => {}; // A client may reset what it no longer needs.
  (settings.mode === 'broadcast' ? join : echo)(socket);
  return response;
}

const server = Deno.serve({ ...TLS, port: LISTEN.port, hostname: LISTEN.host, onListen() {}, handler });
ready({ port: server.addr.port, backend: 'deno' });
