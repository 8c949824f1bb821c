// The servers that Bun and Deno have themselves.
import { IDLE_TIMEOUT_MS, LISTEN, ready } from '../../program.mjs';
import { app } from './hono-app.mjs';

const options = { port: LISTEN.port, hostname: LISTEN.host };
if (globalThis.Bun !== undefined) {
  const { port } = Bun.serve({ ...options, idleTimeout: IDLE_TIMEOUT_MS / 1000, fetch: app.fetch });
  ready({ port, backend: 'bun' });
} else {
  // Deno has no setting for the limit of idle connections.
  const server = Deno.serve({ ...options, onListen() {} }, (request) => app.fetch(request));
  ready({ port: server.addr.port, backend: 'deno' });
}
