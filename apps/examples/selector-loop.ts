// A hand-written event loop: an echo server that uses only non-blocking sockets and a selector. Native backend only.
// Run: node selector-loop.ts [port], then nc 127.0.0.1 8888, and type. The loop blocks its thread.
import { IOLoop, SystemError } from 'landspout';
import { DefaultSelector, EVENT_READ, EVENT_WRITE, Socket } from 'landspout/ioloop';

const { backend, backendReason } = IOLoop.current();
if (backend !== 'native') {
  console.error(`This program needs the native backend, and the portable one is in use: ${backendReason}`);
  process.exit(1);
}

/** What to do with a socket when it is ready. */
type Handler = (socket: Socket) => void;
const selector = new DefaultSelector<Handler>();

function accept(listener: Socket): void {
  const socket = listener.accept();
  if (socket !== undefined) selector.register(socket, EVENT_READ, echo);
}

function echo(socket: Socket): void {
  const bytes = socket.recv();
  if (bytes === undefined) return; // a socket that was ready may have nothing to read after all
  if (bytes.length > 0) send(socket, bytes);
  else socket.close(); // the client has ended its side; closing a socket also unregisters it
}

/**
 * Sends as many bytes as the system accepts. While some are left, the socket is watched for writing and is not read.
 */
function send(socket: Socket, bytes: Uint8Array): void {
  const unsent = bytes.subarray(socket.send(bytes));
  if (unsent.length === 0) selector.modify(socket, EVENT_READ, echo);
  else selector.modify(socket, EVENT_WRITE, () => send(socket, unsent));
}

const listener = Socket.tcp();
listener.bind({ host: '127.0.0.1', port: Number(process.argv[2] ?? process.env.PORT ?? 8888) });
listener.listen();
selector.register(listener, EVENT_READ, accept);
const { localAddress: address } = listener;
if ('port' in address) console.log(`listening on tcp://${address.host}:${address.port}`);

for (;;) {
  for (const [{ socket, data: handler }] of selector.select()) {
    try {
      handler(socket);
    } catch (error) {
      if (!(error instanceof SystemError) || socket === listener) throw error;
      socket.close(); // the client has reset its connection
    }
  }
}
