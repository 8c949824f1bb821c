// What the servers of the soak have in common: the log of begun requests, the bodies, and the commands of the parent.
// argv: the file of the log, a
// seed and, for a server over TLS, its key and certificate as JSON.
import { openSync, writeSync } from 'node:fs';
import { Server } from 'node:net';

const [, , logFile, seed, identityText] = process.argv;
/** The key and certificate; undefined for a server without TLS. */
export const identity = identityText === undefined ? undefined : JSON.parse(identityText);
/** How long requests may go on after SIGTERM. */
const GRACE_MS = 150;

const log = openSync(logFile, 'a');
let state = Number(seed) | 0;

/** Notes that a request has arrived, before any of its response is sent. The line survives if this process is killed. */
export function begun({ method, kind, seq }) {
  writeSync(log, `${method} ${seq} ${kind === 'redirect' ? 'hop' : 'end'}\n`);
}

/** Reads a target such as `/body/17?size=200`. */
export function parseTarget(method, target) {
  const url = new URL(target, 'http://soak');
  const [, kind, seq] = url.pathname.split('/');
  const number = (name) => Number(url.searchParams.get(name) ?? 0);
  return {
    method,
    kind,
    seq,
    size: number('size'),
    ms: number('ms'),
    status: number('status') || 200,
    to: url.searchParams.get('to'),
  };
}

/** The body of a request or response: its number, again and again, so that every piece shows whose it is. */
export const bodyOf = (seq, size) => Buffer.alloc(size, `<${seq}>`);

/** A whole number from 0 to below a limit. */
export function random(below) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return (state >>> 8) % below;
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The open connections: with TLS, the sockets below it, as only they can be reset. */
const sockets = new Set();

/** Ends a connection with RST. */
export function reset({ remotePort }) {
  for (const socket of sockets) if (socket.remotePort === remotePort) socket.resetAndDestroy();
}

/** Does what the parent demands: listen, stop listening, reset all connections, block, or end gracefully. */
export function obey(server) {
  // That of an HTTP server would close idle connections too.
  const stopListening = () => Server.prototype.close.call(server);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('listening', () => process.send({ port: server.address().port }));
  server.on('error', ({ code }) => process.send({ failed: code }));
  process.on('message', ({ command, port, ms }) => {
    if (command === 'listen') server.listen(port, '127.0.0.1');
    else if (command === 'stop listening') stopListening();
    else if (command === 'block') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    else if (command === 'reset') for (const socket of sockets) socket.resetAndDestroy();
  });
  process.on('disconnect', () => process.exit());
  process.on('SIGTERM', () => {
    stopListening();
    server.closeIdleConnections?.();
    server.on('close', () => process.exit());
    setTimeout(() => process.exit(), GRACE_MS);
  });
}
